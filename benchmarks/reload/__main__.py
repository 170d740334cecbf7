"""python -m benchmarks.reload: what a save costs, beside others, and what debugging costs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.reload import emulator, hits, overhead, peers, reloads, report, soak
from benchmarks.reload.project import ROOT, Project

RESULTS = ROOT / "benchmarks" / "results" / "reload.json"
QUICK = 5
Measured = Iterator[Sequence[Any]]


def main() -> int:
    options = _options()
    emulator.leave_cleanly()
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as folder:
            project = Project(Path(folder), python=options.python)
            machine = described()
            for measured in PARTS[part](project, options):
                report.save_rows(options.output, part, machine, measured)
                machine = described()
    print(report.tables(options.output))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reload", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", help=f"some of: {', '.join(PARTS)}; `table` measures nothing"
    )
    parser.add_argument("--reloads", type=int, default=30, help="per row of the table")
    parser.add_argument("--slow-reloads", type=int, help="the same for what takes seconds each")
    parser.add_argument("--soak", type=int, default=1000, help="reloads in a row of the soak")
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    parser.add_argument("--python", default="3.11", help="of the environment")
    parser.add_argument("--base", help="an image to build on that has this Python")
    parser.add_argument("--quick", action="store_true", help="5 reloads: does it run at all?")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.parts) - {*PARTS, "table"}:
        parser.error(f"no such part: {', '.join(unknown)}")
    options.parts = [part for part in options.parts or USUAL if part != "table"]
    if options.quick:
        options.reloads = options.slow_reloads = options.soak = QUICK
    options.slow_reloads = options.slow_reloads or options.reloads
    return options


def _reloads(project: Project, options: argparse.Namespace) -> Measured:
    for subject in [*emulator.subjects(), *peers.subjects()]:
        if options.only in subject.title:
            count = options.slow_reloads if subject.is_slow else options.reloads
            yield tuple(reloads.measure(subject, project, reloads=count))


def _hits(project: Project, options: argparse.Namespace) -> Measured:
    for mode in emulator.MODES:
        if options.only in mode:
            count = options.slow_reloads if mode == "restart" else options.reloads
            yield (hits.measure(mode, project, reloads=count),)


def _overhead(project: Project, options: argparse.Namespace) -> Measured:
    rounds = 3 if options.quick else 25
    yield overhead.measure(project, rounds=rounds, requests=60, base=options.base)


def _soak(project: Project, options: argparse.Namespace) -> Measured:
    for mode in ("fork", "swap"):
        if options.only in mode:
            yield (soak.endure(project, mode, options.soak),)


PARTS: Mapping[str, Callable[[Project, argparse.Namespace], Measured]] = {
    "reloads": _reloads,
    "hits": _hits,
    "overhead": _overhead,
    "soak": _soak,
}
USUAL = ("reloads", "hits", "overhead")

if __name__ == "__main__":
    sys.exit(main())
