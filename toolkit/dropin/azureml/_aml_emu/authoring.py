"""Calls of scripts that `aml-emu python` runs: what needs the emulator happens in its process."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Mapping, Optional, Tuple

from ..exceptions import RunEnvironmentException, ServiceException, UserErrorException
from .link import Link

_USERS = (400, 404, 409)
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def is_authoring() -> bool:
    """Whether this process is such a script, not a job."""
    return "AML_EMU_AUTHORING" in os.environ and "AZUREML_RUN_ID" not in os.environ


def ask(
    link: Link,
    method: str,
    path: str,
    body: Optional[Mapping[str, Any]] = None,
    query: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Any]:
    """One call; what the script did wrong is a UserErrorException."""
    if "AZUREML_RUN_ID" in os.environ:
        raise RunEnvironmentException(
            "a job cannot do this: submitting, building and deploying is for scripts that "
            "`aml-emu python` runs"
        )
    try:
        return link.call(method, "authoring/" + path, body, query)
    except ServiceException as error:
        if error.status_code in _USERS:
            raise UserErrorException(error.message) from error
        raise


def message_of(error: Mapping[str, Any]) -> str:
    """All that is known of a failure: what, the evidence, what to do."""
    parts = [error["message"], error.get("details") or "", error.get("hint") or ""]
    return "\n".join(part for part in parts if part)


def place() -> Tuple[str, int]:
    """The file and line of the script that is calling, for errors that come later."""
    frame = sys._getframe(1)  # noqa: SLF001  # the documented way to the caller's frame
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return os.path.abspath(frame.f_code.co_filename), frame.f_lineno
