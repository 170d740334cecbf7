"""The causes of a failed step that are worth naming: patterns over what it printed. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """`problem` is the error's message, or empty where the step itself says it best."""

    hint: str
    problem: str = ""


_KILLED: Final = 137
_DISK: Final = Diagnosis(
    problem="the disk of the container engine is full",
    hint="make room with `aml-emu prune`, or with `docker system df` and `docker system prune`",
)
_MEMORY: Final = Diagnosis(
    hint="the step was killed, as a rule for lack of memory: give the engine more of it"
)
_CAUSES: Final = (
    (re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE), _DISK),
    (
        re.compile(r"^the image has no Python$", re.MULTILINE),
        Diagnosis(
            problem="the base image has no Python 3.8 or newer, which fetches the packages",
            hint="name a base image that has one: `--base`, or `[images]` in aml-emu.toml",
        ),
    ),
    (
        re.compile(r"^the Python of the base image has no pip", re.MULTILINE),
        Diagnosis(
            problem="the Python of the base image has neither pip nor ensurepip, which fetch the "
            "packages",
            hint="install python3-venv or python3-pip in the base image, or name another with "
            "`--base`",
        ),
    ),
    (
        re.compile(r"^the base image has no libstdc\+\+", re.MULTILINE),
        Diagnosis(
            problem="the base image has no libstdc++.so.6, which compiled packages of this "
            "environment need",
            hint="install libstdc++6 in the base image, or name another with `--base`",
        ),
    ),
    (
        re.compile(r"\b(?:401 Unauthorized|403 Forbidden|401 Error|403 Error)"),
        Diagnosis(
            problem="a package index refused the build's login",
            hint="see with `aml-emu doctor` what is carried in; the password may have expired",
        ),
    ),
    (
        re.compile(r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED"),
        Diagnosis(
            problem="the certificate of a package index is not trusted in the build",
            hint="name your company's CA bundle in SSL_CERT_FILE; `aml-emu doctor` says which "
            "is used",
        ),
    ),
)


def diagnose(said: str, exit_code: int | None) -> Diagnosis | None:
    """What `said`, the step's last lines or the builder's error, gives away; None if nothing."""
    for pattern, cause in _CAUSES:
        if pattern.search(said):
            return cause
    return _MEMORY if exit_code == _KILLED else None
