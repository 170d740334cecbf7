from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from toolkit.errors import SpecError
from toolkit.plans.job_layout import job_layout
from toolkit.plans.model import LaunchPlan, Port
from toolkit.plans.ranks import ranks
from toolkit.plans.run import (
    JOB_VARIABLE,
    JobLaunch,
    ResolvedInput,
    log_files,
    plan_run,
    with_color,
)
from toolkit.plans.run_debug import RunDebug, under_run_debugger
from toolkit.specs.distribution import Distribution
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob

RUN = "calm_kite_0123456789"
WORK = "/mnt/azureml/cr/j/2c3cc0f55aca3a1b3ba6f9c1f4e4d3e5"
COMMAND = CommandJob(
    command="python train.py --lr ${{inputs.lr}} --data ${{inputs.data}} $[[--n ${{inputs.n}}]] "
    "--out ${{outputs.model}}",
    environment="e",
    inputs={"lr": Input(value=0.1), "data": Input(path="d"), "n": Input(optional=True)},
    outputs={"model": Output(), "report": Output(type="uri_file")},
    environment_variables={"A": "b"},
)
SCRIPT = CommandJob(script="src/train.py", arguments=("--x", "$raw"), environment="e")


def plan(job: CommandJob, **changes: Any) -> LaunchPlan:
    launch = JobLaunch(
        run=RUN,
        root="root",
        experiment="iris",
        job=job,
        image="aml-emu/iris:0123456789ab",
        folder=Path("/p/.aml-emu/runs") / RUN,
        project=Path("/p"),
    )
    return plan_run(replace(launch, **changes))


def command_plan(**changes: Any) -> LaunchPlan:
    inputs = {
        "lr": ResolvedInput(name="lr", type="number", value=0.1),
        "data": ResolvedInput(name="data", type="uri_folder", path=Path("/data/d")),
        "n": ResolvedInput(name="n", type="integer"),
    }
    outputs = {"model": Path("/out/model"), "report": Path("/out/report/r.csv")}
    return plan(COMMAND, inputs=inputs, outputs=outputs, **changes)


def told(plan: LaunchPlan) -> Any:
    return json.loads(plan.env[JOB_VARIABLE])


def test_a_command_gets_values_and_paths() -> None:
    made = command_plan()
    data = job_layout("v2", RUN).data
    assert told(made)["command"].split() == [
        *("python", "train.py", "--lr", "0.1", "--data", f"{data}/INPUT_data"),
        *("--out", f"{data}/model"),
    ]
    assert made.env["AZURE_ML_INPUT_data"] == f"{data}/INPUT_data"
    assert made.env["AZURE_ML_OUTPUT_report"] == f"{data}/report/r.csv"
    assert made.env["A"] == "b"


def test_a_step_finds_its_literals_in_variables() -> None:
    step = {key for key in command_plan().env if key.startswith("AZUREML_PARAMETER_")}
    assert step == {"AZUREML_PARAMETER_lr"}
    assert command_plan().env["AZUREML_PARAMETER_lr"] == "0.1"
    alone = command_plan(root=RUN).env
    assert not any(key.startswith("AZUREML_PARAMETER_") for key in alone)


def test_inputs_are_read_only_and_outputs_are_not() -> None:
    mounts = {str(mount.source): mount for mount in command_plan().mounts}
    assert mounts["/data/d"].read_only
    assert not mounts["/out/model"].read_only
    assert mounts["/out/report"].target.name == "report"


def test_a_single_file_keeps_its_name() -> None:
    job = replace(
        COMMAND, inputs={"f": Input(type="uri_file", path="x")}, command="cat ${{inputs.f}}"
    )
    given = ResolvedInput(name="f", type="uri_file", path=Path("/data/a.csv"))
    made = plan(job, inputs={"f": given}, outputs={})
    assert told(made)["command"].endswith("/INPUT_f/a.csv")


def test_a_script_runs_where_the_first_generation_did() -> None:
    made = plan(
        SCRIPT, inputs={"raw": ResolvedInput(name="raw", type="uri_folder", path=Path("/r"))}
    )
    assert made.working_dir == PurePosixPath("/azureml-run")
    assert told(made)["script"] == "src/train.py"
    assert made.env["raw"] == made.env["AZUREML_DATAREFERENCE_raw"]
    assert made.env["AZUREML_OUTPUT_DIRECTORY"] == "./outputs"
    assert told(made)["ranks"][0]["log"] == "/azureml-run/azureml-logs/70_driver_log.txt"


def test_the_job_ends_with_its_command_line() -> None:
    assert command_plan().leashed
    assert command_plan().kind == "run"


def test_the_users_variables_win_over_the_trackings() -> None:
    made = command_plan(variables={"A": "tracking", "MLFLOW_TRACKING_URI": "http://x"})
    assert made.env["A"] == "b"
    assert made.env["MLFLOW_TRACKING_URI"] == "http://x"


def test_a_needed_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(SpecError, match=r"`\$\{\{inputs.lr\}\}` has no value"):
        plan(COMMAND, inputs={})


def test_a_debugged_plan_has_its_port() -> None:
    made = under_run_debugger(command_plan(), RunDebug(seconds=5), port=5680)
    assert made.ports == (Port(container=5678, host=5680),)
    assert made.env["AML_EMU_DEBUG"] == "wait"
    assert made.env["AML_EMU_WAIT"] == "5"


def test_colours_are_asked_for_unless_the_user_says_otherwise() -> None:
    assert with_color(command_plan()).env["FORCE_COLOR"] == "1"
    plain = replace(command_plan(), env={"FORCE_COLOR": "0"})
    assert with_color(plain).env["FORCE_COLOR"] == "0"


def test_each_process_has_a_log_of_its_own() -> None:
    two = replace(COMMAND, distribution=Distribution(type="pytorch", processes=2))
    assert log_files(two, RUN) == [f"user_logs/std_log_process_{n}.txt" for n in range(2)]
    assert log_files(COMMAND, RUN) == ["user_logs/std_log.txt"]
    assert log_files(SCRIPT, RUN) == ["azureml-logs/70_driver_log.txt"]


def test_pytorch_processes_know_their_place() -> None:
    found = ranks(Distribution(type="pytorch", processes=2), instances=2)
    assert [rank.env["RANK"] for rank in found] == ["0", "1", "2", "3"]
    assert [(rank.env["NODE_RANK"], rank.env["LOCAL_RANK"]) for rank in found] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("1", "1"),
    ]  # fmt: skip
    assert {rank.env["WORLD_SIZE"] for rank in found} == {"4"}


@pytest.mark.parametrize(
    ("instances", "local"), [(1, [None] * 3), (2, ["0", "1", "2", "0", "1", "2"])]
)
def test_mpi_processes_are_placed_by_mpirun_but_for_what_it_cannot_know(
    instances: int, local: list[str | None]
) -> None:
    found = ranks(Distribution(type="mpi", processes=3), instances=instances)
    assert [rank.env.get("OMPI_COMM_WORLD_LOCAL_RANK") for rank in found] == local
    assert not any("OMPI_COMM_WORLD_RANK" in rank.env for rank in found)


@pytest.mark.parametrize(
    ("job", "log"),
    [(COMMAND, "user_logs/mpi_log.txt"), (SCRIPT, "azureml-logs/70_mpi_log.txt")],
)
def test_an_mpi_job_is_told_to_be_one(job: CommandJob, log: str) -> None:
    words = replace(job, command="ls") if job.command else job
    several = told(plan(replace(words, distribution=Distribution(type="mpi", processes=2))))
    assert several["mpi_log"].endswith(log)
    assert len(several["ranks"]) == 2
    assert "mpi_log" not in told(plan(words))


def test_tensorflow_processes_know_their_cluster() -> None:
    distribution = Distribution(type="tensorflow", workers=2, parameter_servers=1)
    found = ranks(distribution, instances=1)
    assert [rank.name for rank in found] == ["worker_0", "worker_1", "ps_0"]
    config = json.loads(found[2].env["TF_CONFIG"])
    assert config["task"] == {"type": "ps", "index": 0}
    assert len({*config["cluster"]["worker"], *config["cluster"]["ps"]}) == 3


def test_a_job_of_one_process_is_told_of_no_others() -> None:
    (only,) = ranks(None, instances=1)
    assert only.env == {}
