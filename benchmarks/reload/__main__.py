"""python -m benchmarks.reload: what a save costs, beside others, and what debugging costs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.reload import emulator, hits, overhead, peers, reloads, report
from benchmarks.reload.machine import described
from benchmarks.reload.project import ROOT, Project

RESULTS = ROOT / "benchmarks" / "results" / "reload.json"
QUICK = 5


def main() -> int:
    options = _options()
    emulator.leave_cleanly()
    for part in options.parts:
        machine = described()
        with tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as folder:
            results = PARTS[part](Project(Path(folder)), options)
        machine = {**machine, "load_average_after": [round(v, 2) for v in os.getloadavg()]}
        report.save(options.output, part, machine, results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reload", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; none means all")
    parser.add_argument("--reloads", type=int, default=30, help="per row of the table")
    parser.add_argument("--slow-reloads", type=int, help="the same for what takes seconds each")
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    parser.add_argument("--quick", action="store_true", help="5 reloads: does it run at all?")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    options.parts = options.parts or list(PARTS)
    if options.quick:
        options.reloads = options.slow_reloads = QUICK
    options.slow_reloads = options.slow_reloads or options.reloads
    return options


def _reloads(project: Project, options: argparse.Namespace) -> object:
    series: list[reloads.Series] = []
    for subject in [*emulator.subjects(), *peers.subjects()]:
        if options.only not in subject.title:
            continue
        count = options.slow_reloads if subject.is_slow else options.reloads
        idle, loaded = reloads.measure(subject, project, reloads=count)
        series += [idle, loaded]
        _say(", ".join(report.reload_row(idle, loaded)))
    print(report.reload_table(series))
    return report.reloads_json(series)


def _hits(project: Project, options: argparse.Namespace) -> object:
    found: list[hits.Hits] = []
    for mode in emulator.MODES:
        count = options.slow_reloads if mode == "restart" else options.reloads
        found.append(hits.measure(mode, project, reloads=count))
        _say(f"breakpoint after {mode}: {found[-1].median:.0f} ms")
    print(report.hit_table(found))
    return report.hits_json(found)


def _overhead(project: Project, options: argparse.Namespace) -> object:
    costs = overhead.measure(project, rounds=3 if options.quick else 25, requests=60)
    print(report.cost_table(costs))
    return report.costs_json(costs)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


PARTS: Mapping[str, Callable[[Project, argparse.Namespace], object]] = {
    "reloads": _reloads,
    "hits": _hits,
    "overhead": _overhead,
}

if __name__ == "__main__":
    sys.exit(main())
