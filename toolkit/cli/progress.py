"""A build as it goes: one live line on a terminal, one line per finished step elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from typing_extensions import Self, assert_never

from toolkit.cli.console import ERR
from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
)

_INTERNAL = "internal"
_WORTH_A_LINE = 0.5  # seconds: shorter steps only make noise


class BuildProgress:
    """Renders build events; use as a context manager and pass the object as `on_event`."""

    def __init__(self) -> None:
        self._steps: dict[int, StepStarted] = {}
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=ERR,
            transient=True,
            disable=not ERR.is_terminal,
        )
        self._task = self._bar.add_task("building", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

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
            self._bar.console.print(
                f"         [dim]{event.seconds:5.1f} s  {escape(self._title(event.step))}[/dim]"
            )

    def _title(self, step: int) -> str:
        known = self._steps.get(step)
        if known is None:
            return "building"
        first = " ".join(known.name.split())
        return f"[{known.place}] {first[:90]}" if known.place else first[:90]

    def _show(self, text: str) -> None:
        width = max(20, ERR.width - 14)
        self._bar.update(self._task, description=escape(text[:width]))
