"""python -m benchmarks.pipelines: what a step costs, beside bare commands and Kubeflow's runner."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.pipelines import graphs, sides

RESULTS = Path(__file__).resolve().parents[1] / "results" / "pipelines.json"
PARALLEL = {"process": 2, "docker": 4}  # the defaults on a machine of two processors
SHAPES = {"process": (20, 10), "docker": (20, 10)}
LIMITS = {"process": 0.06, "docker": 0.5}
CHAIN = 20
PLANNED = 5000
PARTS = ("process", "docker", "kfp", "plan")


def main() -> int:
    options = _options()
    known = json.loads(options.output.read_text()) if options.output.is_file() else {}
    found: dict[str, Any] = {**known, "machine": described()}
    with tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as scratch:
        for part in options.parts:
            print(f"--- {part}", flush=True)
            found[part] = _measured(part, Path(scratch), options)
            print(json.dumps(found[part], indent=2), flush=True)
    found["load_average_after"] = [round(value, 2) for value in os.getloadavg()]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small graphs: does it work at all?")
    parser.add_argument("--kfp-python", default="", help="a Python that has kfp and docker")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {unknown}")
    options.parts = options.parts or PARTS
    return options


def _measured(part: str, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    if part == "plan":
        return _plan(scratch, 500 if options.quick else PLANNED)
    if part == "kfp":
        shapes = {"graph": SHAPES["docker"], "chain": (1, CHAIN)}
        quick = {"graph": (2, 2), "chain": (1, 2)}
        return _kfp(scratch, options.kfp_python, quick if options.quick else shapes)
    wide, deep = (2, 2) if options.quick else SHAPES[part]
    return _steps(part, scratch, wide, deep)


def _steps(engine: str, scratch: Path, wide: int, deep: int) -> dict[str, Any]:
    """A graph run, the same commands bare, and the graph once more with nothing to do."""
    count = wide * deep
    image = _image(scratch, engine)
    pipeline = graphs.write(scratch / engine, wide=wide, deep=deep)
    seconds, states = sides.ours(pipeline, engine, parallel=PARALLEL[engine])
    assert set(states.values()) == {"completed"}, states
    bare = sides.bare(
        scratch / f"bare-{engine}",
        wide=wide,
        deep=deep,
        parallel=PARALLEL[engine],
        image=image if engine == "docker" else None,
    )
    again = []
    for _ in range(3):
        reused, states = sides.ours(pipeline, engine, parallel=PARALLEL[engine])
        assert set(states.values()) == {"reused"}, states
        again.append(round(reused, 3))
    return {
        "steps": count,
        "side_by_side": PARALLEL[engine],
        "whole_command": round(seconds, 2),
        "bare": round(bare, 2),
        "overhead_per_step": round((seconds - bare) / count, 4),
        "at_most": LIMITS[engine],
        "reused_whole_command": again,
        "reused_median": statistics.median(again),
        "reused_at_most": 2.0,
    }


def _kfp(scratch: Path, python: str, shapes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """The same graph on both sides; in a chain nobody gains by running steps side by side."""
    python = python or _kfp_python(scratch)
    image = _image(scratch, "docker")
    _image(scratch, "process")
    found: dict[str, Any] = {"version": _version(python)}
    for engine, runner in (("docker", "docker"), ("process", "subprocess")):
        for name, (wide, deep) in shapes.items():
            folder = scratch / f"{name}-{engine}"
            pipeline = graphs.write(folder, wide=wide, deep=deep, salt="k")
            mine, _ = sides.ours(pipeline, engine, parallel=PARALLEL[engine])
            theirs, alone = sides.kubeflow(python, runner, wide=wide, deep=deep, image=image)
            found[f"{engine} {name}"] = {
                "steps": wide * deep,
                "ours_whole_command": round(mine, 2),
                "kfp_whole_program": round(theirs, 2),
                "kfp_run_alone": round(alone, 2),
                "times_faster": round(theirs / mine, 2),
                "at_least": 2.0,
            }
    return found


def _plan(scratch: Path, count: int) -> dict[str, Any]:
    pipeline = graphs.write_large(scratch / "large", count)
    runs = [sides.planning(pipeline) for _ in range(3)]
    return {
        "steps": count,
        "seconds": [round(seconds, 3) for seconds, _ in runs],
        "median": round(statistics.median(seconds for seconds, _ in runs), 3),
        "at_most": 3.0,
        "megabytes": round(max(megabytes for _, megabytes in runs), 1),
    }


def _image(scratch: Path, engine: str) -> str:
    """The image of the steps' environment, built before anything is measured."""
    pipeline = graphs.write(scratch / f"warm-{engine}", wide=1, deep=1, salt=os.urandom(4).hex())
    sides.ours(pipeline, engine, parallel=1)
    argv = [sys.executable, "-m", "toolkit.cli", "build", "--env", "env.yml", "--kind", "training"]
    done = subprocess.run(
        [*argv, "--engine", engine], cwd=pipeline.parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def _kfp_python(scratch: Path) -> str:
    """A virtual environment with kfp from PyPI."""
    uv = str(Path(sys.executable).parent / "uv")
    folder = scratch / "kfp-environment"
    subprocess.run([uv, "venv", "-q", str(folder), "--python", sys.executable], check=True)
    python = str(folder / "bin/python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "kfp", "docker"], check=True)
    return python


def _version(python: str) -> str:
    program = "from importlib.metadata import version; print(version('kfp'))"
    return subprocess.run(
        [python, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
