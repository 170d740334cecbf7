"""The whole flow on the engine of DOCKER_HOST: build, build again, serve, score, breakpoint, prune.

    DOCKER_HOST=unix:///… python tests/compat/flow.py [PYTHON] [--base IMAGE]

Prints one JSON document: each step with its seconds, or the error of the first one that failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.integration.served import Served  # noqa: E402  # the path comes first

ENV_YML = """
name: aml-emu-test-compat-py{short}
dependencies:
  - python={python}
  - pip
  - pip:
      - azureml-inference-server-http
      - numpy
"""
SCORE_PY = """
import json
import sys
import numpy

def init():
    global factor
    factor = 2

def run(raw_data):
    number = json.loads(raw_data)["number"]
    doubled = int(numpy.array([number]).sum()) * factor
    return {"answer": doubled, "python": sys.version.split()[0]}
"""
BREAKPOINT = 11  # `doubled = …`


class Report:
    """What was seen, step by step; ends with the first step that fails."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"steps": {}}

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        began = time.monotonic()
        facts: dict[str, Any] = {}
        self.document["steps"][name] = facts
        try:
            yield facts
            facts["ok"] = True
        except BaseException as error:
            facts["ok"] = False
            facts["error"] = f"{type(error).__name__}: {error}"[-3000:]
            raise
        finally:
            facts["seconds"] = round(time.monotonic() - began, 1)


def emulate(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *arguments],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"aml-emu {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def flow(report: Report, folder: Path, *, python: str, base: list[str], clean: bool) -> None:
    with report.step("engine") as facts:
        facts["said"] = next(
            each["said"]
            for each in json.loads(emulate(folder, "doctor", "--json", "--engine", "docker"))
            if each["what"] == "engine"
        )
    with report.step("build") as facts:
        facts["tag"] = emulate(folder, "build", "--env", "env.yml", *base).split()[-1]
    with report.step("build again"):
        document = json.loads(emulate(folder, "build", "--env", "env.yml", "--json", *base))
        assert document["built"] is False, document
    served = Served(folder, "--debug", "--watch", *base, name=f"aml-emu-test-{os.getpid()}")
    with report.step("serve"):
        served.__enter__()
    try:
        on_a_service(report, served, folder)
    finally:
        served.end()
    if clean:
        with report.step("prune") as facts:
            said = json.loads(emulate(folder, "prune", "--all", "--json", "--engine", "docker"))
            facts["freed"] = said["freed"]
            facts["kinds"] = sorted({each["kind"] for each in said["removed"]})
            facts["notes"] = said["notes"]


def on_a_service(report: Report, served: Served, folder: Path) -> None:
    with report.step("score") as facts:
        facts["answer"] = served.score({"number": 21})
        assert facts["answer"]["answer"] == 42
    with report.step("breakpoint") as facts, served.debug() as session:
        session.wait_for_worker()
        session.set_breakpoints(folder / "score.py", [BREAKPOINT])
        answer: Callable[[], Any] = served.score_later({"number": 4})
        stop = session.wait_for_stop()
        facts["number"] = session.locals(stop)["number"]
        session.continue_(stop)
        assert answer()["answer"] == 8
    with report.step("edit is served"):
        script = folder / "score.py"
        script.write_text(script.read_text().replace("factor = 2", "factor = 3"))
        served.wait_for_count(r"reloaded .* in \d+ ms", 1)
        assert served.score({"number": 1})["answer"] == 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", default="3.11")
    parser.add_argument("--base", help="base image")
    parser.add_argument("--prune", action="store_true", help="remove all that is ours at the end")
    chosen = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="aml-emu-compat-") as name:
        folder = Path(name)
        short = chosen.python.replace(".", "")
        (folder / "env.yml").write_text(ENV_YML.format(short=short, python=chosen.python).lstrip())
        (folder / "score.py").write_text(SCORE_PY.lstrip())
        base = ["--base", chosen.base] if chosen.base else []
        try:
            flow(report, folder, python=chosen.python, base=base, clean=chosen.prune)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # told in the report
            report.document["failed"] = f"{type(error).__name__}: {error}"[:2000]
    sys.stdout.write(json.dumps(report.document, indent=2) + "\n")
    return int("failed" in report.document)


if __name__ == "__main__":
    sys.exit(main())
