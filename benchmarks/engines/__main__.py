"""python -m benchmarks.engines: the process engine beside Docker, in one run."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines import environments, reloads, report, sandboxes, starts
from benchmarks.engines.report import Figure, Series
from benchmarks.engines.sides import Side, sides
from benchmarks.machine import described
from benchmarks.reload.emulator import leave_cleanly
from benchmarks.reload.report import save

RESULTS = Path(__file__).resolve().parents[1] / "results" / "engines.json"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: how it is measured, how often, and what is asked of it."""

    measure: Callable[[Sequence[Side], Path, int], list[Series]]
    runs: int
    figure: Figure


PARTS: Mapping[str, Part] = {
    "environments": Part(
        measure=lambda on, _, runs: environments.measure(on, runs=runs),
        runs=5,
        figure=Figure(seconds=2.0),
    ),
    "starts": Part(
        measure=lambda on, scratch, runs: starts.measure(on, scratch, runs=runs),
        runs=9,
        figure=Figure(times_docker=1.0),
    ),
    "reloads": Part(
        measure=lambda on, scratch, runs: reloads.measure(on, scratch, runs=runs),
        runs=20,
        figure=Figure(times_docker=1.2),
    ),
    "sandboxes": Part(
        measure=lambda on, scratch, runs: sandboxes.measure(on, scratch, runs=runs),
        runs=20,
        figure=Figure(seconds=0.1, beside=sandboxes.BARE),
    ),
}


def main() -> int:
    options = _options()
    leave_cleanly()
    for name in options.parts:
        part = PARTS[name]
        machine = described()
        with (
            tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as scratch,
            sides(options.only) as on,
        ):
            found = part.measure(on, Path(scratch), options.runs or part.runs)
        print(report.table(found, part.figure), flush=True)
        load = [round(value, 2) for value in os.getloadavg()]
        results = report.as_json(found, part.figure)
        save(options.output, name, {**machine, "load_average_after": load}, results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; none means all")
    parser.add_argument("--runs", type=int, help="of each row")
    parser.add_argument("--quick", action="store_true", help="2 runs: does it work at all?")
    parser.add_argument(
        "--only", action="append", default=[], help="a side: docker, bwrap, unshare, plain"
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    options.parts = options.parts or list(PARTS)
    if options.quick:
        options.runs = 2
    return options


if __name__ == "__main__":
    sys.exit(main())
