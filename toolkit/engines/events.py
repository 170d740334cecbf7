"""What an image build says while it runs, whatever runs it. Values only; prints nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# True, and of no interest to somebody who waits or reads an error.
_MOUNTS: Final = re.compile(r"--mount=\S+\s+")


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
class InputsChanged:
    """Before the first step: why an earlier image of the same environment will not do.

    `since` is that image's tag; `changes` are half sentences, the most telling first.
    """

    since: str
    changes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ImageReady:
    """The build's last event. `id` is empty where only first steps were run, ahead of a build."""

    id: str


def brief(instruction: str, width: int) -> str:
    """An instruction on one line of at most `width` characters, without its mounts."""
    text = _MOUNTS.sub("", " ".join(instruction.split()))
    return text if len(text) <= width else f"{text[: width - 1]}…"


BuildEvent = (
    InputsChanged
    | StepStarted
    | StepCached
    | StepDone
    | StepFailed
    | StepLog
    | Transfer
    | ImageReady
)
