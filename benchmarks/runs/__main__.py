"""What a run costs beside running the same thing by hand. `make bench-runs`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import described
from toolkit.workspace.model import NewRun
from toolkit.workspace.workspace import Workspace

RESULTS = Path(__file__).parents[1] / "results" / "runs.json"
ENV_YML = "name: tiny\ndependencies:\n  - python=3.11\n  - pip\n"
TRIVIAL = "print('done')\n"
LINES = """\
import time
for _ in range({count}):
    print(f"{{time.time():.6f}}", flush=True)
    time.sleep(0.05)
"""
COMMAND = [sys.executable, "-m", "toolkit.cli", "run"]
# an installed Python keeps the bytecode of what it imports, whatever this shell asks for
ENVIRON = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
FIGURES = {"docker": 0.7, "process": 0.4, "line": 0.1, "help": 0.15, "list": 0.15}
MANY_RUNS = 10_000


def seconds(action: Callable[[], object], rounds: int) -> list[float]:
    """Each round's duration; the first, which warms caches, is not counted."""
    action()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return found


def quiet(argv: Sequence[str], folder: Path) -> None:
    subprocess.run(argv, cwd=folder, env=ENVIRON, check=True, capture_output=True)


def image_of(folder: Path, engine: str) -> str:
    build = [sys.executable, "-m", "toolkit.cli", "build", "--env", "env.yml"]
    words = [*build, "--kind", "training", "--engine", engine]
    done = subprocess.run(
        words, cwd=folder, env=ENVIRON, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def overhead(folder: Path, engine: str, rounds: int) -> dict[str, object]:
    """A trivial script by `aml-emu run`, and by the shortest way there is."""
    image = image_of(folder, engine)
    emulated = [*COMMAND, "trivial.py", "--env", "env.yml", "--engine", engine]
    if engine == "docker":
        mount = f"{folder}:/work"
        bare = ["docker", "run", "--rm", "-v", mount, "-w", "/work", image, "python", "trivial.py"]
    else:
        bare = [sys.executable, "trivial.py"]
    by_hand = seconds(lambda: quiet(bare, folder), rounds)
    ours = seconds(lambda: quiet(emulated, folder), rounds)
    difference = statistics.median(ours) - statistics.median(by_hand)
    return {
        "by_hand": summary(by_hand),
        "aml_emu": summary(ours),
        "overhead": round(difference, 3),
        "target": FIGURES[engine],
    }


def latency(folder: Path, engine: str, count: int) -> dict[str, object]:
    """From the moment a line is written until it is on the command's output."""
    (folder / "lines.py").write_text(LINES.format(count=count))
    words = [*COMMAND, "lines.py", "--env", "env.yml", "--engine", engine]
    with subprocess.Popen(
        words,
        cwd=folder,
        env=ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdout is not None
        late = [time.time() - float(line) for line in process.stdout]
    return {**summary(late), "target": FIGURES["line"]}


def start_of_command(folder: Path, rounds: int) -> dict[str, object]:
    """`aml-emu --help`, the whole command."""
    words = [sys.executable, "-m", "toolkit.cli", "--help"]
    return {**summary(seconds(lambda: quiet(words, folder), rounds)), "target": FIGURES["help"]}


def listing(folder: Path, rounds: int) -> dict[str, object]:
    """10,000 runs of a workspace: read newest first, and the command that shows them all."""
    state = folder / "many" / ".aml-emu"
    state.mkdir(parents=True)
    with Workspace.open(state) as workspace:
        for number in range(MANY_RUNS):
            workspace.runs.create(
                NewRun(experiment=f"e{number % 7}", status="Completed", tags={"n": str(number)})
            )
        read = seconds(workspace.runs.list, rounds)
    words = [sys.executable, "-m", "toolkit.cli", "runs", "list", "--json"]
    shown = seconds(lambda: quiet(words, state.parent), rounds)
    return {"read": {**summary(read), "target": FIGURES["list"]}, "whole_command": summary(shown)}


def summary(values: Sequence[float]) -> dict[str, object]:
    return {
        "median": round(statistics.median(values), 3),
        "worst": round(max(values), 3),
        "rounds": len(values),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    parser.add_argument("--engine", choices=["docker", "process"], action="append")
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else 10
    result: dict[str, object] = {"machine": described()}
    with tempfile.TemporaryDirectory(prefix="aml-emu-bench-") as name:
        folder = Path(name)
        (folder / "env.yml").write_text(ENV_YML)
        (folder / "trivial.py").write_text(TRIVIAL)
        for engine in arguments.engine or ["docker", "process"]:
            result[engine] = {
                "trivial": overhead(folder, engine, rounds),
                "line": latency(folder, engine, 20 if arguments.quick else 100),
            }
        result["help"] = start_of_command(folder, rounds)
        result["list"] = listing(folder, rounds)
    text = json.dumps(result, indent=2)
    if not arguments.quick:
        RESULTS.write_text(text + os.linesep, "utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
