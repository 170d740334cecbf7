"""A build as it goes: live lines on a terminal, a line per finished step elsewhere, or JSON lines.

Keeps what the steps took, for the document that `--json` ends with.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Final, Protocol

from typing_extensions import Self, assert_never

from toolkit.cli import console
from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    InputsChanged,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
    brief,
)
from toolkit.plans.titles import title_of

_INTERNAL: Final = "internal"
_TITLE_WIDTH: Final = 90
_WORTH_A_LINE: Final = 0.05  # seconds: what takes less was not worth waiting for
_UNNAMED_STAGE: Final = re.compile(r"^stage-\d+ ")


@dataclass(kw_only=True)
class Step:
    """One step as far as it has come. `seconds` is None while it runs."""

    name: str
    title: str
    place: str
    seconds: float | None = None
    cached: bool = False

    @property
    def is_internal(self) -> bool:
        return self.place == _INTERNAL

    @property
    def label(self) -> str:
        """`[tools 2/3] fetch the installer (uv)`."""
        return f"[{self.place}] {self.title}" if self.place else self.title


class View(Protocol):
    """Where the news goes. A step is known by its number."""

    def note(self, text: str) -> None: ...
    def running(self, number: int, step: Step, said: str, /) -> None:
        """It runs, or has said something."""
        ...

    def ended(self, number: int, step: Step, /) -> None: ...
    def event(self, event: BuildEvent, step: Step | None) -> None:
        """Every event as it is, for views that leave nothing out."""
        ...

    def close(self) -> None: ...


class BuildProgress:
    """Renders build events; use as a context manager and pass the object as `on_event`.

    One object may see several builds in a row: that of a base, of the user's Dockerfile, of ours.
    """

    def __init__(self, *, json: bool = False, view: View | None = None) -> None:
        self._view = view or _view(json=json)
        self._steps: dict[int, Step] = {}
        self.finished: list[Step] = []
        self.change: InputsChanged | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._view.close()

    def say(self, text: str) -> None:
        """One line of narration, in the view's own form."""
        self._view.note(text)

    def __call__(self, event: BuildEvent) -> None:
        self._take(event)
        number = getattr(event, "step", 0)
        self._view.event(event, self._steps.get(number))
        if isinstance(event, ImageReady):
            self._steps.clear()  # the next build counts from 1 again

    def document(self) -> dict[str, Any]:
        """Steps and the cause of the build, as `--json` prints them."""
        return {
            "since": self.change.since if self.change else None,
            "changes": list(self.change.changes) if self.change else [],
            "steps": [
                {**asdict(step), "seconds": round(step.seconds or 0.0, 3)} for step in self.finished
            ],
        }

    def summary(self) -> str:
        """How much of the last build was there already; empty where that is nothing to tell."""
        cached = sum(step.cached for step in self.finished)
        return f"{cached} of {len(self.finished)} steps were cached" if cached else ""

    def _take(self, event: BuildEvent) -> None:
        match event:
            case InputsChanged():
                self.change = event
                if event.changes:
                    self._view.note(f"changed since {event.since}: {'; '.join(event.changes)}")
            case StepStarted():
                step = self._steps.setdefault(event.step, _step(event))
                self._view.running(event.step, step, "")
            case StepCached():
                self._end(event.step, seconds=0.0, cached=True)
            case StepDone():
                self._end(event.step, seconds=event.seconds, cached=False)
            case StepLog():
                self._said(event.step, event.text.strip().rpartition("\n")[2])
            case Transfer():
                size = f" {event.current >> 20} of {event.total >> 20} MB" if event.total else ""
                self._said(event.step, f"{event.what}{size}")
            case StepFailed() | ImageReady():
                pass  # a failure is raised as an error with the step's last lines
            case _:
                assert_never(event)

    def _said(self, number: int, text: str) -> None:
        step = self._steps.get(number) or Step(name="", title="transfer", place="")
        if text:
            self._view.running(number, step, text)

    def _end(self, number: int, *, seconds: float, cached: bool) -> None:
        step = self._steps.get(number)
        if step is None:
            return
        # A FROM ends twice, once resolved and once pulled: its seconds add up.
        again = step.seconds is not None
        step.seconds, step.cached = (step.seconds or 0.0) + seconds, cached
        # Nor does a later build that looks the same image up have anything new to tell.
        nothing_new = cached or step.name.startswith("FROM ")
        if not again and not step.is_internal and not (nothing_new and self._has_seen(step)):
            self.finished.append(step)
        self._view.ended(number, step)

    def _has_seen(self, step: Step) -> bool:
        """Whether this command has run it already, ahead of the build."""
        return any((done.name, done.place) == (step.name, step.place) for done in self.finished)


def _step(event: StepStarted) -> Step:
    return Step(
        name=event.name,
        title=title_of(event.name) or brief(event.name, _TITLE_WIDTH),
        place=_UNNAMED_STAGE.sub("", event.place),
    )


def _view(*, json: bool) -> View:
    if json:
        return JsonLines()
    if sys.stderr.isatty():
        from toolkit.cli.progress_live import LiveLines

        return LiveLines(console.err())
    return PlainLines()


def finished_line(step: Step) -> str | None:
    """What is left on the screen of a step; None for what nobody waited for."""
    if step.is_internal or step.cached or (step.seconds or 0.0) < _WORTH_A_LINE:
        return None
    return f"{step.seconds:5.1f} s  {step.label}"


class PlainLines:
    """One line for each step that ended."""

    def note(self, text: str) -> None:
        console.say(text)

    def running(self, number: int, step: Step, said: str) -> None:
        """Nothing: what passes is for terminals."""

    def ended(self, _number: int, step: Step) -> None:
        if line := finished_line(step):
            console.dim(line)

    def event(self, event: BuildEvent, step: Step | None) -> None:
        """Nothing: the lines above are enough."""

    def close(self) -> None:
        """Nothing is open."""


class JsonLines:
    """Each event as one JSON object on stderr: docs/reference/build-events.md."""

    def note(self, text: str) -> None:
        self._write({"event": "note", "text": text})

    def running(self, number: int, step: Step, said: str) -> None:
        """Nothing: the event itself is told."""

    def ended(self, number: int, step: Step) -> None:
        """Nothing: the event itself is told."""

    def event(self, event: BuildEvent, step: Step | None) -> None:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
        more = {"title": step.title} if step and isinstance(event, StepStarted) else {}
        self._write({"event": name, **asdict(event), **more})

    def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def _write(document: dict[str, Any]) -> None:
        sys.stderr.write(json.dumps(document) + "\n")
        sys.stderr.flush()
