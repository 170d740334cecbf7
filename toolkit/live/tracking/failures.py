"""What tracking answers when it cannot do what was asked, in MLflow's words. Serves no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolkit.errors import Conflict, EmuError, NameTaken, NotFound, SpecError

_STATUSES: Final[Mapping[str, int]] = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_CONFLICT": 409,
    "INTERNAL_ERROR": 500,
    # not 500 or 503: the client would ask again for minutes, and a full disk stays full
    "RESOURCE_EXHAUSTED": 507,
}


class Refused(Exception):
    """A request that is answered with an error; `code` is one of MLflow's error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        return _STATUSES[self.code]

    def as_json(self) -> dict[str, str]:
        return {"error_code": self.code, "message": self.message}


def invalid(message: str) -> Refused:
    return Refused("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> Refused:
    return Refused("RESOURCE_DOES_NOT_EXIST", message)


def refusal_of(error: EmuError) -> Refused:
    """The workspace's own errors, as a client of tracking is told them."""
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return Refused(_code(error), message)


def _code(error: EmuError) -> str:
    match error:
        case NotFound():
            return "RESOURCE_DOES_NOT_EXIST"
        case NameTaken():
            return "RESOURCE_ALREADY_EXISTS"
        case SpecError():
            return "INVALID_PARAMETER_VALUE"
        case Conflict():
            return "RESOURCE_CONFLICT"
        case _:
            return "RESOURCE_EXHAUSTED"
