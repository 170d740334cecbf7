"""The three sides: this project's command, the same commands bare, and Kubeflow's local runner."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.pipelines import graphs

KFP_PROGRAM = Path(__file__).with_name("kfp_pipeline.py")


def ours(pipeline: Path, engine: str, *flags: str, parallel: int) -> tuple[float, dict[str, str]]:
    """Seconds of the whole command, and the state of each step."""
    argv = [sys.executable, "-m", "toolkit.cli", "run", pipeline.name, "--engine", engine]
    began = time.perf_counter()
    done = subprocess.run(
        [*argv, "--json", "--max-parallel", str(parallel), *flags],
        cwd=pipeline.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    steps = json.loads(done.stdout)["steps"]
    return seconds, {name: step["state"] for name, step in steps.items()}


def bare(folder: Path, *, wide: int, deep: int, parallel: int, image: str | None) -> float:
    """The chains' commands as processes, or each as a `docker run` of the image."""
    folder.mkdir(parents=True, exist_ok=True)

    def run(line: list[str]) -> None:
        for command in line:
            argv = ["bash", "-c", command]
            if image:
                argv = ["docker", "run", "--rm", "-v", f"{folder}:{folder}", image, *argv]
            subprocess.run(argv, check=True, capture_output=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(run, graphs.commands(folder, wide=wide, deep=deep)))
    return time.perf_counter() - began


def kubeflow(python: str, runner: str, *, wide: int, deep: int, image: str) -> tuple[float, float]:
    """Seconds of the whole program, and of the run alone, without the import of kfp."""
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(KFP_PROGRAM), runner, str(wide), str(deep), image],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError((done.stderr + done.stdout)[-2000:])
    return seconds, float(done.stdout.strip().splitlines()[-1])


def planning(pipeline: Path) -> tuple[float, float]:
    """Seconds and megabytes of planning, in a Python of its own."""
    program = (
        "import resource, sys, time; from pathlib import Path; "
        "from toolkit.plans.pipeline.plan import plan_pipeline; "
        "began = time.perf_counter(); found = plan_pipeline(Path(sys.argv[1])); "
        "print(time.perf_counter() - began, "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    argv = [sys.executable, "-c", program, str(pipeline)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)
