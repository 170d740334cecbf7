"""A pipeline as it goes: a moving table on a terminal, lines elsewhere, JSON lines on request."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol

from typing_extensions import Self

from toolkit.cli import console
from toolkit.cli.progress import JsonLines, PlainLines, View
from toolkit.live.pipeline.outcome import ENDED, Event, StepChanged, StepNote
from toolkit.plans.pipeline.graph import Graph

if TYPE_CHECKING:
    from rich.table import Table

    from toolkit.workspace.model import Run

_REFRESHES: Final = 8  # a second
_SHOWN: Final = 30  # rows: of more steps, those that move
_WORTH_A_LINE: Final = frozenset({"running", *ENDED})
_COLORS: Final = {
    "running": "yellow",
    "completed": "green",
    "reused": "cyan",
    "failed": "red",
    "canceled": "magenta",
}


class PipelineView(Protocol):
    """Told of everything, from several threads."""

    @property
    def builds(self) -> View: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def began(self, run: Run) -> None: ...
    def step(self, event: Event) -> None: ...
    def say(self, text: str) -> None: ...


def make_view(graph: Graph, *, json: bool) -> PipelineView:
    if json:
        return JsonView()
    if sys.stderr.isatty():
        return LiveView(graph)
    return LineView()


class LineView:
    """A line for each step that begins to run or has ended."""

    builds: View = PlainLines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def began(self, run: Run) -> None:
        console.say(f"pipeline run {run.name} (experiment {run.experiment})")

    def step(self, event: Event) -> None:
        if isinstance(event, StepNote):
            console.dim(f"{event.step}: {event.text}")
        elif event.state in _WORTH_A_LINE:
            seconds = f"  {event.seconds:.2f} s" if event.seconds else ""
            console.dim(f"{event.state:<9} {event.step}{seconds}{_because(event)}")

    def say(self, text: str) -> None:
        console.say(text)


class JsonView(LineView):
    """Every event as one JSON object on stderr."""

    builds: View = JsonLines()

    def began(self, run: Run) -> None:
        self._write({"event": "pipeline", "run": run.name, "experiment": run.experiment})

    def step(self, event: Event) -> None:
        name = "step" if isinstance(event, StepChanged) else "step_note"
        self._write({"event": name, **asdict(event)})

    def say(self, text: str) -> None:
        self._write({"event": "note", "text": text})

    @staticmethod
    def _write(document: dict[str, Any]) -> None:
        sys.stderr.write(json.dumps(document) + "\n")
        sys.stderr.flush()


@dataclass
class _Row:
    state: str = "waiting"
    since: float = 0.0
    seconds: float = 0.0
    note: str = ""


class LiveView(LineView):
    """All steps in a table: state, seconds, what each waits for."""

    def __init__(self, graph: Graph) -> None:
        from rich.live import Live

        self._lock = threading.Lock()
        self._rows = {name: _Row() for name in graph.steps}
        self._live = Live(
            console=console.err(), get_renderable=self.table, refresh_per_second=_REFRESHES
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def step(self, event: Event) -> None:
        with self._lock:
            row = self._rows.setdefault(event.step, _Row())
            if isinstance(event, StepNote):
                row.note = event.text
                return
            if event.state == "running":
                row.since = time.monotonic()
            row.state, row.seconds = event.state, event.seconds
            row.note = f"waits for {', '.join(event.waits_for)}" if event.waits_for else event.why

    def table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right", min_width=8)
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        with self._lock:
            rows = {name: _Row(**vars(row)) for name, row in self._rows.items()}
        counts: dict[str, int] = {}
        for row in rows.values():
            counts[row.state] = counts.get(row.state, 0) + 1
        shown = rows
        if len(rows) > _SHOWN:
            moving = {n: r for n, r in rows.items() if r.state in {"running", "ready", "failed"}}
            shown = dict(list(moving.items())[:_SHOWN])
        now = time.monotonic()
        for name, row in shown.items():
            seconds = now - row.since if row.state == "running" else row.seconds
            table.add_row(
                name,
                Text(row.state, style=_COLORS.get(row.state, "dim")),
                f"{seconds:.1f} s" if seconds else "",
                row.note,
            )
        if len(rows) > _SHOWN:
            table.add_row(", ".join(f"{count} {state}" for state, count in counts.items()))
        return table


def _because(event: StepChanged) -> str:
    return f"  ({event.why})" if event.why else ""
