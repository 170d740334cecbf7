"""python -m benchmarks.build: what a build costs, beside a Dockerfile as Azure ML renders it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.build import azure, daemon, ours, typical
from benchmarks.build.report import Row, save, table
from benchmarks.build.serving import serving
from benchmarks.machine import described


@dataclass(frozen=True)
class _AzureLike:
    cold: list[float]
    one_line: list[float]
    score: list[float]
    megabytes: float


@dataclass(frozen=True)
class _Ours:
    tag: str
    cold: list[float]
    warm: list[float]
    one_line: list[float]
    while_serving: list[float]
    unchanged: list[float]
    check: list[float]


RESULTS = Path(__file__).resolve().parents[1] / "results" / "build.json"


def main() -> int:
    options = _options()
    machine = described()
    name = f"aml-emu-bench-{os.urandom(4).hex()}"
    with (
        tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as scratch,
        daemon.leaving_nothing(name),
    ):
        rows, sizes = _measure(Path(scratch), name, options.runs)
    print(table(rows, sizes))
    load = [round(value, 2) for value in os.getloadavg()]
    save(options.output, {**machine, "load_average_after": load}, rows, sizes)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each row")
    parser.add_argument("--quick", action="store_true", help="one run: does it work at all?")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.runs = 1 if options.quick else min(options.runs, len(typical.FURTHER))
    return options


def _measure(scratch: Path, name: str, runs: int) -> tuple[list[Row], dict[str, float]]:
    theirs, mine = _azure_like(name, runs), _ours(scratch, name, runs)
    sizes = {"ours_mb": daemon.megabytes(mine.tag), "azure_mb": theirs.megabytes}
    return [
        Row("cold", mine.cold, theirs.cold, at_most=0.25),
        Row("warm: another environment", mine.warm, theirs.cold),
        Row("one pip line added", mine.one_line, theirs.one_line, at_most=0.1),
        Row("… and served, under --watch", mine.while_serving, theirs.one_line, at_most=0.1),
        Row("nothing changed, whole command", mine.unchanged, seconds_at_most=0.5),
        Row("nothing changed, the check", mine.check, seconds_at_most=0.01),
        Row("score.py edited (no build)", [0.0], theirs.score),
    ], sizes


def _azure_like(name: str, runs: int) -> _AzureLike:
    side = azure.AzureLike(name, dict(os.environ))
    cold = _series("Azure-like, cold", runs, lambda _: side.build(anew=True))
    megabytes = side.megabytes()
    further = typical.FURTHER
    one_line = _series("Azure-like, one line", runs, lambda run: side.build(*further[: run + 1]))
    score = _series(
        "Azure-like, score.py",
        runs,
        lambda run: side.build(*further[:runs], score=f"# {run}\n"),
    )
    return _AzureLike(cold, one_line, score, megabytes)


def _ours(scratch: Path, name: str, runs: int) -> _Ours:
    project = scratch / "project"
    typical.write_project(project, name)
    tag = ours.command(project).document["tag"]  # the lock and the cache mount are made here

    def cold(run: int) -> float:
        fresh = scratch / f"cold-{run}"
        typical.write_project(fresh, f"{name}-{run}")
        return ours.cold(fresh, scratch, f"{name}-{run}")

    def warm(run: int) -> float:
        other = scratch / f"warm-{run}"
        typical.write_project(other, f"{name}-warm-{run}")
        return ours.command(other).seconds

    def one_line(run: int) -> float:
        typical.write_project(project, name, *typical.FURTHER[: run + 1])
        return ours.command(project).seconds

    found = _Ours(
        tag=tag,
        cold=_series("cold", runs, cold),
        warm=_series("warm", runs, warm),
        one_line=_series("one line", runs, one_line),
        while_serving=_while_serving(scratch / "serving", f"{name}-serving", runs),
        unchanged=_series("unchanged", max(runs, 5), lambda _: ours.command(project).seconds),
        check=_series("check", max(runs, 5), lambda _: ours.check_milliseconds(project) / 1000),
    )
    ours.edit_score(project)
    if ours.command(project).document["built"]:
        raise SystemExit("an edit of score.py built an image")
    return found


def _while_serving(project: Path, name: str, runs: int) -> list[float]:
    typical.write_project(project, name)
    with serving(project, name) as service:

        def one_line(run: int) -> float:
            service.wait_for_images(run)
            return service.seconds_until_served(*typical.FURTHER[: run + 1])

        return _series("one line, served", runs, one_line)


def _series(title: str, runs: int, measure: Callable[[int], float]) -> list[float]:
    values = []
    for run in range(runs):
        values.append(measure(run))
        print(f"{title}: {values[-1]:.3f} s", file=sys.stderr, flush=True)
    return values


if __name__ == "__main__":
    sys.exit(main())
