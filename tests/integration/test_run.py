"""`aml-emu run` as a user runs it, on containers and on processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.runs import ENV_YML, Runs
from tests.project import Project, Tree, write_tree
from toolkit.plans.run import LABEL_RUN

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


@pytest.fixture(autouse=True)
def files(request: pytest.FixtureRequest) -> None:
    if "runs" in request.fixturenames:
        runs: Runs = request.getfixturevalue("runs")
        runs.write({**FILES, "job.yml": JOB_YML.replace("NAME", runs.name)})


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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "${{inputs.lr}}",
            "${{inputs.rl}}",
            "job.yml:1: `command`: `${{inputs.rl}}` is not defined",
        ),
        ("./data", "./dta", "job.yml:9: input `data`: nothing is there: "),
        (
            "uri_folder, path: ./data",
            "uri_file, path: ./data",
            "job.yml:9: input `data` is a uri_file",
        ),
        (
            "lr: 0.1",
            "lr: {type: number, default: fast}",
            "job.yml:7: `inputs.lr`: not a number: fast",
        ),
    ],
)
def test_what_is_wrong_with_a_job_is_told_before_anything_is_started(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in JOB_YML
    write_tree(tmp_path, {**FILES, "job.yml": JOB_YML.replace(old, new)})
    outcome = Project(tmp_path).run("run", "job.yml", "--engine", "process")
    assert said in outcome.assert_failed(2).err
    assert not list((tmp_path / ".aml-emu").glob("runs/*"))


def test_an_environment_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    inline = "{image: aml-emu/base, conda_file: env.yml}"
    job = JOB_YML.replace(inline, "azureml:AzureML-sklern-1.5@latest")
    write_tree(tmp_path, {**FILES, "job.yml": job})
    outcome = Project(tmp_path).run("run", "job.yml", "--engine", "process")
    assert "job.yml:5: no curated environment of this name" in outcome.assert_failed(2).err
    assert "did you mean `sklearn-1.5`" in outcome.err
