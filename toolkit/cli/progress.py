"""A build as it goes: one live line on a terminal, one line per finished step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from typing_extensions import Self, assert_never

from toolkit.cli import console
from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
    brief,
)

if TYPE_CHECKING:
    from rich.status import Status

_INTERNAL = "internal"
_TITLE_WIDTH = 90
_WORTH_A_LINE = 0.5  # seconds: shorter steps only make noise


class BuildProgress:
    """Renders build events; use as a context manager and pass the object as `on_event`."""

    def __init__(self) -> None:
        self._steps: dict[int, StepStarted] = {}
        self._line: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._line:
            self._line.stop()

    def __call__(self, event: BuildEvent) -> None:
        match event:
            case StepStarted():
                self._steps[event.step] = event
                self._show(self._title(event.step))
            case StepDone():
                self._finished(event)
            case Transfer():
                size = f"{event.current >> 20} of {event.total >> 20} MB" if event.total else ""
                self._show(f"{event.what} {size}".strip())
            case StepLog():
                last = event.text.strip().rpartition("\n")[2]
                if last:
                    self._show(f"{self._title(event.step)}: {last}")
            case StepCached() | StepFailed() | ImageReady():
                pass  # a failure is raised as an error with the step's last lines
            case _:
                assert_never(event)

    def _finished(self, event: StepDone) -> None:
        step = self._steps.get(event.step)
        if step and step.place != _INTERNAL and event.seconds >= _WORTH_A_LINE:
            self._show("")
            console.dim(f"{event.seconds:5.1f} s  {self._title(event.step)}")

    def _title(self, step: int) -> str:
        known = self._steps.get(step)
        if known is None:
            return "building"
        title = brief(known.name, _TITLE_WIDTH)
        return f"[{known.place}] {title}" if known.place else title

    def _show(self, text: str) -> None:
        """Put the text on the live line; off a terminal there is none."""
        if self._line is None:
            self._line = console.err().status("building")
            self._line.start()
        from rich.markup import escape

        self._line.update(escape(text[: max(20, console.err().width - 4)]))
