"""`aml-emu run` as a user runs it, on containers and on processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.engines.process_bench import needs
from tests.project import Outcome, Project, Tree, write_tree
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.plans.run import LABEL_RUN

ENV_YML = "name: tiny\ndependencies:\n  - python=3.11\n  - pip\n"
TRAIN_PY = """
import os, pathlib, sys
print("arguments", sys.argv[1:])
pathlib.Path("outputs/model.txt").write_text("weights")
pathlib.Path("logs/more.txt").write_text("log")
if "--fail" in sys.argv:
    raise ValueError("boom")
"""
SLOW_PY = """
import pathlib, subprocess, time
subprocess.Popen(["sleep", "3600"], start_new_session=True)
pathlib.Path("outputs/kept.txt").write_text("kept")
print("begun", flush=True)
time.sleep(3600)
"""
JOB_YML = """
command: >-
  python train.py --lr ${{inputs.lr}} $[[--n ${{inputs.n}}]] && cat ${{inputs.data}}/a.csv
  && echo made > ${{outputs.model}}/made.txt
code: .
environment: {image: aml-emu/base, conda_file: env.yml}
inputs:
  lr: 0.1
  n: {type: integer, optional: true}
  data: {type: uri_folder, path: ./data}
outputs:
  model: {name: NAME}
"""
FILES: Tree = {
    "env.yml": ENV_YML,
    "train.py": TRAIN_PY,
    "slow.py": SLOW_PY,
    "job.yml": JOB_YML,
    "data": {"a.csv": "1,2\n"},
}


class Runs:
    """A project whose runs go to one engine."""

    def __init__(self, path: Path, name: str, engine: str, environ: Mapping[str, str]) -> None:
        self.project = Project(path)
        self.name = name
        self.flags = ("--engine", engine)
        self.environ = environ
        self.engine: Engine = make_engine("docker" if engine == "docker" else "process", os.environ)

    def run(self, *arguments: str, at_end: tuple[str, ...] = ()) -> Outcome:
        words = ("run", *arguments, "--name", self.name, *self.flags, *at_end)
        return self.project.run(*words, environ=self.environ)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """In the foreground, in a group of its own, as a terminal has it."""
        words = ("run", *arguments, "--name", self.name, *self.flags)
        return subprocess.Popen(
            [sys.executable, "-m", "toolkit.cli", *words],
            cwd=self.project.path,
            env={**os.environ, **self.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def folder(self) -> Path:
        return self.project.path / ".aml-emu" / "runs" / self.name

    def shown(self) -> dict[str, object]:
        out = self.project.run("runs", "show", self.name, "--json", environ=self.environ)
        found: dict[str, object] = json.loads(out.assert_success().out)
        return found

    def is_gone(self) -> bool:
        """Whether nothing of the run runs any more."""
        return not any(
            handle.state().is_running for handle in self.engine.find({LABEL_RUN: self.name})
        )

    def clean(self) -> None:
        for handle in self.engine.find({LABEL_RUN: self.name}):
            handle.stop(grace=0)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        "bwrap",
        "plain",
    ]
)
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runs]:
    if request.param == "docker":
        request.getfixturevalue("base_image")
        name, environ = request.getfixturevalue("fresh_name")(), {}
    else:
        needs(request.param, request)
        name, environ = f"test-{os.urandom(4).hex()}", {"AML_EMU_SANDBOX": request.param}
    write_tree(tmp_path / "project", {**FILES, "job.yml": JOB_YML.replace("NAME", name)})
    engine = "docker" if request.param == "docker" else "process"
    made = Runs(tmp_path / "project", name, engine, environ)
    yield made
    made.clean()


def test_a_script_runs_and_leaves_what_it_wrote(runs: Runs) -> None:
    outcome = runs.run("train.py", "--env", "env.yml", at_end=("--", "--lr", "0.1"))
    assert outcome.assert_success().out == "arguments ['--lr', '0.1']\n"
    assert (runs.folder / "outputs" / "model.txt").read_text() == "weights"
    assert (runs.folder / "logs" / "more.txt").exists()
    assert runs.shown()["status"] == "Completed"
    assert runs.is_gone()


def test_a_job_file_runs_with_its_inputs_and_outputs(runs: Runs) -> None:
    outcome = runs.run("job.yml", "--set", "inputs.lr=0.5", "--json")
    document = json.loads(outcome.assert_success().out)
    assert document["status"] == "Completed"
    assert "arguments ['--lr', '0.5']\n1,2\n" in outcome.err
    assert Path(document["outputs"]["model"], "made.txt").read_text() == "made\n"
    assert (runs.folder / "user_logs" / "std_log.txt").read_text().startswith("arguments")
    assets = runs.project.run("assets", "show", runs.name, environ=runs.environ)
    assert runs.name in assets.assert_success().out


def test_a_script_that_fails_is_the_users_failure(runs: Runs) -> None:
    outcome = runs.run("train.py", "--env", "env.yml", at_end=("--", "--fail"))
    outcome.assert_failed(1)
    assert outcome.out.endswith("ValueError: boom\n")
    assert "toolkit" not in outcome.out
    assert (runs.folder / "outputs" / "model.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_runs_on_without_its_command(runs: Runs, number: signal.Signals) -> None:
    process = runs.start("slow.py", "--env", "env.yml")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n", process.communicate()
    os.killpg(process.pid, number)
    process.communicate(timeout=20)
    assert wait_for(runs.is_gone, timeout=5)
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    assert runs.shown()["status"] == ("Canceled" if number == signal.SIGINT else "Failed")
    assert (runs.folder / "outputs" / "kept.txt").read_text() == "kept"
    assert not runs.engine.find({LABEL_RUN: runs.name})


def test_a_detached_run_is_read_and_canceled_by_others(runs: Runs) -> None:
    outcome = runs.run("slow.py", "--env", "env.yml", "--detach")
    assert outcome.assert_success().out == f"{runs.name}\n"

    def log() -> str:
        return runs.project.run("runs", "logs", runs.name, environ=runs.environ).out

    assert wait_for(lambda: "begun" in log(), timeout=20)
    canceled = runs.project.run("runs", "cancel", runs.name, environ=runs.environ)
    assert "Canceled" in canceled.assert_success().err
    assert runs.is_gone()


def test_a_detached_run_that_cannot_start_says_why(runs: Runs) -> None:
    outcome = runs.run("slow.py", "--env", "azureml:no-such-thing:1", "--detach")
    assert outcome.exit_code != 0
    assert "no-such-thing" in outcome.err


@pytest.mark.docker
def test_a_job_that_wants_too_much_memory_is_told_so(
    tmp_path: Path, base_image: str, fresh_name: Callable[[], str]
) -> None:
    job = """
    command: python -c 'x = bytearray(500 << 20); x[::4096] = b"x" * len(x[::4096])'
    environment: {image: aml-emu/base, conda_file: env.yml}
    resources: {docker_args: --memory 64m}
    """
    write_tree(tmp_path, {"env.yml": ENV_YML, "job.yml": job})
    words = ("run", "job.yml", "--name", fresh_name(), "--engine", "docker")
    outcome = Project(tmp_path).run(*words)
    assert "killed for want of memory" in outcome.assert_failed(1).err


def test_what_is_wrong_with_a_job_is_told_before_anything_is_started(tmp_path: Path) -> None:
    broken = JOB_YML.replace("${{inputs.lr}}", "${{inputs.rl}}")
    write_tree(tmp_path, {**FILES, "job.yml": broken})
    outcome = Project(tmp_path).run("run", "job.yml", "--engine", "process")
    assert "job.yml:1: `command`: `${{inputs.rl}}` is not defined" in outcome.assert_failed(2).err
    assert not (tmp_path / ".aml-emu").exists()
