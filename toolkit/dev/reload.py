"""Getting new code into a running service: one question to the agent in it, one answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.engines.base import Handle
from toolkit.errors import NotReady
from toolkit.plans import azureml, emulation
from toolkit.plans.model import ReloadMode

_ANSWER_TIMEOUT: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class ReloadResult:
    """What became of a reload; `traceback` is the user's own, `said` one sentence."""

    ok: bool
    mode: str
    said: str
    stage: str = ""
    traceback: str = ""
    milliseconds: float = 0.0


class Agent:
    """The emulator's own process inside a container, reached through its control port."""

    def __init__(self, handle: Handle, token: str) -> None:
        self._handle = handle
        self._token = token

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """One request, one answer.

        Raises NotReady when the agent cannot be reached or breaks off.
        """
        request = json.dumps({"op": op, "token": self._token, **values}).encode() + b"\n"
        try:
            address = self._handle.address(emulation.CONTROL_PORT)
            with socket.create_connection((address.host, address.port), timeout=5) as connection:
                connection.settimeout(_ANSWER_TIMEOUT)
                connection.sendall(request)
                answer = connection.makefile("rb").readline()
        except (OSError, KeyError) as error:
            raise NotReady(
                f"`{self._handle.name}` does not take requests", details=str(error)
            ) from error
        if not answer.endswith(b"\n"):
            raise NotReady(f"`{self._handle.name}` broke off while answering `{op}`")
        return self._understood(op, answer)

    def reload(self, paths: Iterable[Path], *, code: Path, mode: ReloadMode) -> ReloadResult:
        """Have the changed files taken in; the old code goes on answering if they are no good."""
        inside = (self._handle.path_inside(in_container(path, code)) for path in paths)
        answer = self.ask("reload", mode=mode, paths=[str(path) for path in inside])
        return ReloadResult(
            ok=bool(answer.get("ok")),
            mode=str(answer.get("mode", mode)),
            said=str(answer.get("said", "")),
            stage=str(answer.get("stage", "")),
            traceback=str(answer.get("traceback", "")),
            milliseconds=float(answer.get("ms", 0.0)),
        )

    def _understood(self, op: str, answer: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(answer))
        except (ValueError, TypeError) as error:
            raise NotReady(
                f"`{self._handle.name}` answered `{op}` with something that is no JSON object",
                details=answer.decode(errors="replace").strip(),
            ) from error


def in_container(path: Path, code: Path) -> PurePosixPath:
    """Where the plan has a file below the code folder."""
    return azureml.APP_ROOT / path.relative_to(code).as_posix()
