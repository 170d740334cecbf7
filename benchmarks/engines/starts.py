"""From the start of `aml-emu serve` to the first answer of the user's code; all is built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.engines.report import Series
from benchmarks.engines.serving import serve
from benchmarks.engines.sides import Side
from benchmarks.reload.project import Project

CASES = {"start to ready": ("--no-watch",), "start to ready, --debug": ("--no-watch", "--debug")}


def measure(sides: Sequence[Side], scratch: Path, *, runs: int) -> list[Series]:
    """Turn by turn. The first start of each side builds and compiles, and does not count."""
    projects = {side.name: Project(scratch / side.name) for side in sides}
    found: list[Series] = []
    for title, flags in CASES.items():
        seconds: dict[str, list[float]] = {side.name: [] for side in sides}
        for run in range(runs + 1):
            for side in sides:
                with serve(side, projects[side.name], *flags) as started:
                    if run:
                        seconds[side.name].append(started.seconds)
        found += [Series(title=title, side=side, seconds=each) for side, each in seconds.items()]
    return found
