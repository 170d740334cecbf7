"""What the router costs: latency and throughput through it and beside it, in the same run.

`python -m benchmarks.router [PART…] [--quick]`, all parts without any; `table` measures nothing.
`--minutes` is for the soak, which reloads under load. Each part goes to
benchmarks/results/router.json as soon as it is measured, unless quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.router import report
from benchmarks.router.costs import measure_latency, measure_throughput
from benchmarks.router.emulated import Emulated
from benchmarks.router.soak import soak
from benchmarks.router.starts import measure_starts

RESULT = Path(__file__).parents[1] / "results" / "router.json"


def main() -> int:
    order = _order()
    found: dict[str, Any] = {}
    for part in order.parts:
        machine = described()
        with Emulated(engine=order.engine) as emulated:
            found[part] = {"machine": machine, **PARTS[part](emulated, order)}
        if not order.quick:
            report.save(RESULT, part, found[part])
    print(report.tables(found if order.quick else report.load(RESULT)))
    return 1 if "soak" in order.parts and found["soak"]["lost"] else 0


def _order() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; or `table`")
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    parser.add_argument("--engine", default="docker", choices=("docker", "process"))
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    order = parser.parse_args()
    if unknown := set(order.parts) - {*PARTS, "table"}:
        parser.error(f"no such part: {', '.join(unknown)}")
    order.parts = [part for part in order.parts or USUAL if part != "table"]
    return order


def _starts(emulated: Emulated, order: argparse.Namespace) -> dict[str, Any]:
    return measure_starts(emulated, rounds=2 if order.quick else 5)


def _latency(emulated: Emulated, order: argparse.Namespace) -> dict[str, Any]:
    return measure_latency(emulated, rounds=3 if order.quick else 8)


def _throughput(emulated: Emulated, order: argparse.Namespace) -> dict[str, Any]:
    return measure_throughput(emulated, rounds=3 if order.quick else 8)


def _soak(emulated: Emulated, order: argparse.Namespace) -> dict[str, Any]:
    return soak(emulated, minutes=order.minutes)


PARTS: Mapping[str, Callable[[Emulated, argparse.Namespace], dict[str, Any]]] = {
    "starts": _starts,
    "latency": _latency,
    "throughput": _throughput,
    "soak": _soak,
}
USUAL = ("starts", "latency", "throughput")

if __name__ == "__main__":
    sys.exit(main())
