"""The catalogue of expected failures: one class and one exit code per "who must act"."""

from __future__ import annotations

from typing import ClassVar


class EmuError(Exception):
    """A failure the user can act on.

    `message` is one line without a full stop, `details` is evidence (log lines, a traceback)
    shown untouched, `hint` is an imperative that says what to do next.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, details: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = hint

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, EmuError):
            return NotImplemented
        return (self.message, self.details, self.hint) == (
            other.message,
            other.details,
            other.hint,
        )

    __hash__ = Exception.__hash__


class UserCodeFailed(EmuError):
    """The user's own code failed; its traceback is in `details`."""

    exit_code = 1


class SpecError(EmuError):
    """A file or value the user wrote is wrong; the message begins with `path:line` if known."""

    exit_code = 2


class EngineUnavailable(EmuError):
    """What should build or run the plan is missing, forbidden or too old."""

    exit_code = 3


class BuildFailed(EmuError):
    """An image build failed; `details` holds the failing step's last lines."""

    exit_code = 4


class NotReady(EmuError):
    """Something started but did not answer in time; `details` holds its status and last logs."""

    exit_code = 5


class Conflict(EmuError):
    """A port or a name is held by something alive, which the message names."""

    exit_code = 6


class PortTaken(Conflict):
    """A host port is in use."""


class NameTaken(Conflict):
    """A service of that name is already running."""


class NotFound(EmuError):
    """Nothing of that name is there; the hint lists what is."""

    exit_code = 2
