"""From the save to the first answer of the new code, on services that stand side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.engines.report import Series
from benchmarks.engines.serving import serve
from benchmarks.engines.sides import Side
from benchmarks.reload.project import Project
from benchmarks.reload.traffic import Prober

MODES = ("fork", "swap", "restart")
NEVER_SECONDS = 30.0
BREATH_SECONDS = 0.5


def measure(sides: Sequence[Side], scratch: Path, *, runs: int) -> list[Series]:
    """One save on each side in turn, so that what else the machine does meets all of them."""
    return [series for mode in MODES for series in _mode(mode, sides, scratch / mode, runs)]


def _mode(mode: str, sides: Sequence[Side], scratch: Path, runs: int) -> list[Series]:
    projects = {side.name: Project(scratch / side.name) for side in sides}
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    with ExitStack() as stack:
        ports = {
            side.name: stack.enter_context(
                serve(side, projects[side.name], "--watch", "--reload", mode)
            ).port
            for side in sides
        }
        for run in range(runs + 1):  # the first reload after the start tells about the start
            for side in sides:
                taken = _reload(projects[side.name], ports[side.name])
                if run:
                    seconds[side.name].append(taken)
    return [
        Series(title=f"reload, {mode}", side=side, seconds=values)
        for side, values in seconds.items()
    ]


def _reload(project: Project, port: int) -> float:
    with Prober(port, project.request) as prober:
        threading.Event().wait(BREATH_SECONDS)
        started = time.monotonic()
        answered = prober.first_answer(project.save(), NEVER_SECONDS)
    if answered is None:
        raise SystemExit(f"a save is never served: {project.folder}")
    return answered - started
