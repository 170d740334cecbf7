"""What the router costs: latency and throughput through it and beside it, in the same run.

`python -m benchmarks.router [--quick]`; `… soak --minutes 30` reloads under load. Results go to
stdout and, unless quick, to benchmarks/results/router.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.machine import described
from benchmarks.router.costs import measure_latency, measure_throughput
from benchmarks.router.emulated import Emulated
from benchmarks.router.soak import soak
from benchmarks.router.starts import measure_starts

RESULT = Path(__file__).parents[1] / "results" / "router.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", default="costs", choices=("costs", "soak"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--engine", default="docker")
    parser.add_argument("--minutes", type=float, default=30.0)
    order = parser.parse_args()
    with Emulated(engine=order.engine) as emulated:
        if order.what == "soak":
            result = soak(emulated, minutes=order.minutes)
            print(json.dumps(result, indent=2))
            return 1 if result["lost"] else 0
        rounds = 3 if order.quick else 8
        result = {
            "machine": described(),
            "engine": order.engine,
            "starts": measure_starts(emulated, rounds=2 if order.quick else 5),
            "latency": measure_latency(emulated, rounds=rounds),
            "throughput": measure_throughput(emulated, rounds=rounds),
        }
    print(json.dumps(result, indent=2))
    if not order.quick:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
