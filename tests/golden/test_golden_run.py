"""The launch plans of `run`, as JSON, to be reviewed as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden.test_golden_launch import as_data
from toolkit.plans.model import LaunchPlan
from toolkit.plans.run import JOB_VARIABLE, JobLaunch, ResolvedInput, plan_run
from toolkit.plans.run_debug import RunDebug, under_run_debugger
from toolkit.specs.distribution import Distribution
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob

PROJECT = Path("/home/me/iris project")
RUN = "calm_kite_0123456789"


def run(job: CommandJob) -> LaunchPlan:
    return plan_run(
        JobLaunch(
            run=RUN,
            root=RUN,
            experiment="iris",
            job=job,
            image="aml-emu/iris:0123456789ab",
            folder=PROJECT / ".aml-emu/runs" / RUN,
            project=PROJECT,
            inputs={"data": ResolvedInput(name="data", type="uri_folder", path=Path("/data"))},
            outputs={"model": Path("/out/model")} if job.outputs else {},
            variables={"MLFLOW_TRACKING_URI": "http://172.17.0.1:5000"},
        )
    )


COMMAND = CommandJob(
    command="python train.py --data ${{inputs.data}} --out ${{outputs.model}}",
    environment="e",
    inputs={"data": Input(type="uri_folder", path="data")},
    outputs={"model": Output()},
    distribution=Distribution(type="pytorch", processes=2),
    timeout=60,
)
SCRIPT = CommandJob(script="train.py", arguments=("--data", "$data"), environment="e")
PLANS = {
    "run-command": run(COMMAND),
    "run-script": run(SCRIPT),
    "run-debug": under_run_debugger(run(SCRIPT), RunDebug(), port=5678),
}


@pytest.mark.parametrize("name", PLANS)
def test_run_plan(golden: Callable[[str, str], None], name: str) -> None:
    data = as_data(PLANS[name])
    data["env"][JOB_VARIABLE] = json.loads(data["env"][JOB_VARIABLE])
    data["mounts"] = [m for m in data["mounts"] if not m["target"].endswith("/dropin")]
    golden(f"{name}.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")
