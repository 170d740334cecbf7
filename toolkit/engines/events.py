"""What an image build says while it runs, whatever runs it. Values only; prints nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A step begins. `name` is the instruction as in the Dockerfile, `place` where it stands.

    `place` is `2/5`, `tools 2/5` in a named stage, `internal` for the builder's own work, or
    empty. A step can start again after it is done: a `FROM` is resolved first and pulled later.
    """

    step: int
    name: str
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class StepCached:
    """The step's result was already there."""

    step: int


@dataclass(frozen=True, kw_only=True)
class StepDone:
    step: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StepFailed:
    step: int
    error: str


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """Output of a step as it came: any number of lines, the last one perhaps unfinished."""

    step: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Bytes on their way; `total` is 0 while unknown, `step` is 0 for the upload of the context."""

    step: int
    what: str
    current: int
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class ImageReady:
    """The build's last event."""

    id: str


BuildEvent = StepStarted | StepCached | StepDone | StepFailed | StepLog | Transfer | ImageReady
