"""A build on a terminal: a line for each running step, which moves; finished ones stay above."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from toolkit.cli import console as printing
from toolkit.cli.progress import Step, finished_line

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.engines.events import BuildEvent

_REFRESHES: Final = 8  # a second
_SHOWN: Final = 6  # steps at once: BuildKit runs few side by side


class LiveLines:
    """`⠧  12.3 s  [4/8] install the locked packages   Installed 55 packages in 2.1s`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running: dict[int, tuple[Step, float, str]] = {}
        self._spinner = Spinner("dots")
        self._live: Live | None = None

    def note(self, text: str) -> None:
        printing.say(text)

    def running(self, number: int, step: Step, said: str) -> None:
        if step.is_internal:
            return
        with self._lock:
            if number:
                self._running.pop(0, None)  # the upload, or a pull: it ends where a step begins
            known = self._running.get(number)
            self._running[number] = (step, known[1] if known else time.monotonic(), said)
        self._open()

    def ended(self, number: int, step: Step) -> None:
        with self._lock:
            self._running.pop(number, None)
        if line := finished_line(step):
            printing.dim(line)

    def event(self, event: BuildEvent, step: Step | None) -> None:
        """Nothing: the lines are enough."""

    def close(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _open(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._render,
                refresh_per_second=_REFRESHES,
                transient=True,
            )
            self._live.start()

    def _render(self) -> Table:
        with self._lock:
            running = list(self._running.values())[-_SHOWN:]
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right", min_width=8)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        for step, since, said in running:
            table.add_row(
                self._spinner, f"{now - since:.1f} s", Text(step.label), Text(said.strip())
            )
        return table
