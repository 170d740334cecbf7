"""What became of a step, and what is told while it happens. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from toolkit.errors import EmuError

StepState = Literal[
    "waiting", "ready", "running", "completed", "reused", "failed", "canceled", "skipped", "blocked"
]
GOOD: Final[frozenset[StepState]] = frozenset({"completed", "reused"})
ENDED: Final[frozenset[StepState]] = GOOD | {"failed", "canceled", "skipped", "blocked"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a step ended. `skipped` is the branch not taken, `blocked` what a failure kept waiting.

    `values` are its control outputs; `digests` say what its outputs contain.
    """

    state: StepState
    run: str = ""
    outputs: Mapping[str, Path] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    error: EmuError | None = None
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class StepChanged:
    """A step has a new state. `waits_for` are the steps that it still needs."""

    step: str
    state: StepState
    run: str = ""
    seconds: float = 0.0
    why: str = ""
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepNote:
    """Something worth telling of a step that goes on: an image is built, a debugger awaited."""

    step: str
    text: str


Event = StepChanged | StepNote
OnStep = Callable[[Event], None]
