"""How pipelines and sweeps are ended from outside, and what ends a sweep's trials early."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

import pytest

from tests.integration.test_pipeline import CHAIN, ENV, MAKE, Pipelines, document, running, until
from tests.project import Project, Tree, write_tree
from toolkit.engines import ports

SWEEP = """
    type: pipeline
    settings: {continue_on_step_failure: false}
    jobs:
      tune:
        type: sweep
        search_space: {x: {type: choice, values: [1, 9]}}
        sampling_algorithm: grid
        objective: {goal: maximize, primary_metric: score}
        limits: {max_concurrent_trials: 2, trial_timeout: 600}
        early_termination: {type: bandit, slack_amount: 2, evaluation_interval: 1}
        outputs: {best: {type: uri_folder}}
        trial:
          code: ./src
          environment: ./env.yml
          command: python log.py ${{search_space.x}} ${{outputs.best}} MARK
      after:
        type: command
        environment: ./env.yml
        command: cat ${{inputs.best}}/x.txt
        inputs: {best: "${{parent.jobs.tune.outputs.best}}"}
    """
LOG = """
    import json, os, subprocess, sys
    from pathlib import Path
    from urllib.request import Request, urlopen
    Path(sys.argv[2], "x.txt").write_text(sys.argv[1])
    metric = {"key": "score", "value": float(sys.argv[1]), "timestamp": 1, "step": 0}
    body = json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "metrics": [metric]}).encode()
    token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch"
    urlopen(Request(url, body, {"Content-Type": "application/json", **token}))
    if sys.argv[1] == "1":
        subprocess.run(["sleep", sys.argv[3]])
    """


@pytest.fixture
def processes(project: Callable[[Tree], Project]) -> Pipelines:
    made = project({"env.yml": ENV, "src": {"make.py": MAKE, "log.py": LOG}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, "process")


@pytest.fixture
def seconds() -> str:
    """How long something sleeps that nobody waits for; no other test's."""
    return str(8000 + os.getpid() % 1000)


def status_of(pipelines: Pipelines, name: str) -> str:
    shown = pipelines.project.run("runs", "show", name, "--json").assert_success()
    return str(json.loads(shown.out)["status"])


def test_a_hopeless_trial_ends_early_and_the_best_one_is_kept(
    processes: Pipelines, seconds: str
) -> None:
    write_tree(processes.path, {"pipeline.yml": SWEEP.replace("MARK", seconds)})
    outcome = processes.run("--json", timeout=120).assert_success()
    found = document(outcome)
    assert {step["state"] for step in found["steps"].values()} == {"completed"}
    assert "(x=1): ended early" in outcome.err
    assert "(x=9): score 9" in outcome.err
    assert not running(f"sleep {seconds}")


def test_a_trial_that_takes_too_long_is_ended(processes: Pipelines, seconds: str) -> None:
    text = SWEEP.replace("MARK", seconds).replace("trial_timeout: 600", "trial_timeout: 2")
    policy = "early_termination: {type: bandit, slack_amount: 2, evaluation_interval: 1}"
    write_tree(processes.path, {"pipeline.yml": text.replace(policy, "is_deterministic: true")})
    outcome = processes.run("--json", timeout=120).assert_success()
    assert "(x=1): Failed" in outcome.err or "(x=1): Canceled" in outcome.err, outcome.err
    assert not running(f"sleep {seconds}")


@pytest.mark.parametrize("kind", ["pipeline", "sweep"])
def test_a_detached_pipeline_is_ended_with_its_trials(
    processes: Pipelines, seconds: str, kind: str
) -> None:
    """Also if only its sweep is told to end."""
    text = SWEEP.replace("MARK", seconds).replace("slack_amount: 2", "slack_amount: 100")
    write_tree(processes.path, {"pipeline.yml": text})
    name = processes.run("--detach").assert_success().out.strip().splitlines()[-1]
    assert until(lambda: bool(running(f"sleep {seconds}")), seconds=60)
    assert status_of(processes, name) == "Running"
    listed = json.loads(processes.project.run("runs", "list", "--json", "--children").out)
    [told] = [run["name"] for run in listed if run["kind"] == kind]
    processes.project.run("runs", "cancel", told).assert_success()
    assert until(lambda: status_of(processes, name) == "Canceled", seconds=30)
    assert not running(f"sleep {seconds}")
    listed = json.loads(processes.project.run("runs", "list", "--json", "--children").out)
    assert {run["status"] for run in listed} <= {"Canceled", "Completed"}, listed


def test_a_debuggers_ports_are_free_after_the_run(processes: Pipelines) -> None:
    outcome = processes.run("--debug", "all", "--wait", "1").assert_success()
    told = [int(port) for port in re.findall(r" at 127\.0\.0\.1:(\d+)", outcome.err)]
    assert len(set(told)) == 2, outcome.err
    assert until(lambda: all(map(ports.is_free, told)))
