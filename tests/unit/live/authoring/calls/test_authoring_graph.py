"""Jobs and pipelines of a script as the emulator runs them; errors name the script's line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.unit.live.authoring.calls.conftest import Ask, ended
from toolkit.errors import SpecError
from toolkit.live.authoring.graph import graph_of
from toolkit.live.authoring.jobs import Origin, Shop, debug_of, job_of
from toolkit.live.authoring.service import Authoring
from toolkit.live.inputs import data_locator
from toolkit.plans.pipeline.graph import FromStep, ParallelWork
from toolkit.specs.job import CommandJob

CONFIG: dict[str, Any] = {
    "target": "local",
    "framework": "Python",
    "communicator": "None",
    "nodeCount": 1,
    "mpi": {"processCountPerNode": 3},
    "pytorch": {"processCount": None},
    "tensorflow": {"workerCount": 1, "parameterServerCount": 1},
}


@pytest.fixture
def shop(authoring: Authoring) -> Shop:
    return Shop(
        workspace=authoring.workspace,
        locator=data_locator(authoring.workspace, authoring.settings, say=lambda _: None),
        environment_of=lambda _: "env",
    )


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(file=tmp_path / "submit.py", line=7)


def told(tmp_path: Path, script: str = "a.py", **changes: Any) -> dict[str, Any]:
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src" / "a.py").write_text("print(1)\n")
    return {
        "source_directory": str(tmp_path / "src"),
        "script": script,
        "command": None,
        "environment": {"definition": {"name": "e"}},
        "environment_variables": {},
        "timeout": None,
        "run_configuration": CONFIG,
        **changes,
    }


def step(tmp_path: Path, name: str, **job: Any) -> dict[str, Any]:
    return {
        "name": name,
        "file": str(tmp_path / "submit.py"),
        "line": 9,
        "allow_reuse": True,
        "after": [],
        "job": told(tmp_path, **job),
    }


def test_a_script_is_a_v1_job(tmp_path: Path, shop: Shop, origin: Origin) -> None:
    job = job_of(told(tmp_path, arguments=["$x", 3]), origin, shop)
    assert (job.script, job.arguments, job.era) == ("a.py", ("$x", "3"), "v1")
    assert job.timeout is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"script": "b.py"}, "script not found"),
        ({"script": "../b.py"}, "script not found"),
        ({"script": None}, "nothing to run"),
        ({"source_directory": "/nowhere"}, "source directory is not there"),
        ({"run_configuration": {**CONFIG, "target": "gpu"}}, "unknown compute target: gpu"),
        ({"inputs": {"t": {"reference": "azureml:none:1", "mode": "mount"}}}, "input `t`"),
        ({"inputs": {"t": {"reference": "/nowhere", "mode": "mount"}}}, "nothing is there"),
    ],
)
def test_what_is_wrong_is_told_with_the_scripts_line(
    tmp_path: Path, shop: Shop, origin: Origin, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SpecError, match=problem) as error:
        job_of({**told(tmp_path), **changes}, origin, shop)
    assert error.value.message.startswith(f"{tmp_path / 'submit.py'}:7: ")


def test_data_is_a_file_a_folder_or_a_name(tmp_path: Path, shop: Shop, origin: Origin) -> None:
    (tmp_path / "t.csv").write_text("")
    inputs = {
        "file": {"reference": str(tmp_path / "t.csv"), "mode": "mount"},
        "folder": {"reference": str(tmp_path), "mode": "download"},
        "direct": {"reference": "azureml:table:3", "mode": "direct"},
    }
    job = job_of(told(tmp_path, inputs=inputs), origin, shop)
    assert [each.type for each in job.inputs.values()] == ["uri_file", "uri_folder", "string"]
    assert job.inputs["direct"].value == "table:3"
    assert job.environment_variables["AZUREML_DATASET_ENVIRONMENT_VARS"] == (
        "file:mount,folder:download,direct:direct"
    )


@pytest.mark.parametrize(
    ("changes", "processes"),
    [
        ({"communicator": "IntelMpi"}, 3),
        ({"framework": "PyTorch", "nodeCount": 2, "pytorch": {"processCount": 4}}, 2),
    ],
)
def test_a_distribution(
    tmp_path: Path, shop: Shop, origin: Origin, changes: dict[str, Any], processes: int
) -> None:
    job = job_of(told(tmp_path, run_configuration={**CONFIG, **changes}), origin, shop)
    assert job.distribution is not None
    assert job.distribution.processes == processes


@pytest.mark.parametrize(
    ("source", "arguments", "listens"),
    [
        ("import debugpy\ndebugpy.listen(5678)\n", (), True),
        ("print('--remote_debug')\ndebugpy.listen(5678)\n", (), False),
        ("print('--remote_debug')\ndebugpy.listen(5678)\n", ("--remote_debug",), True),
        ("print(1)\n", (), False),
    ],
)
def test_a_script_that_listens_gets_a_port(
    tmp_path: Path, source: str, arguments: tuple[str, ...], *, listens: bool
) -> None:
    (tmp_path / "a.py").write_text(source)
    job = CommandJob(script="a.py", arguments=arguments, code=tmp_path, environment="e")
    assert (debug_of(job) is not None) is listens


def test_steps_are_connected_by_their_data(tmp_path: Path, shop: Shop) -> None:
    made = {"made": {"name": "made", "is_open": True}}
    read = {"made": {"name": "made", "mode": "mount", "from": {"step": "one", "output": "made"}}}
    steps = [step(tmp_path, "two", inputs=read), step(tmp_path, "one", outputs=made)]
    graph = graph_of({"steps": steps}, {}, shop)
    assert list(graph.steps) == ["one", "two"]
    assert graph.steps["two"].inputs["made"].source == FromStep("one", "made")
    # the script makes the folder itself: nothing is there when it begins
    assert graph.steps["one"].outputs["made"].type == "uri_file"


def test_parameters_are_put_in_and_told(tmp_path: Path, shop: Shop) -> None:
    one = step(
        tmp_path, "one", arguments=[{"parameter": "n"}], params={"p": {"parameter": "n"}, "q": "x"}
    )
    pipeline = {"steps": [one], "parameters": {"n": 1, "other": 2}}
    job = graph_of(pipeline, {"n": 5}, shop).steps["one"].command
    assert job is not None
    assert job.arguments == ("5",)
    assert job.environment_variables == {
        "AML_PARAMETER_p": "5",
        "AML_PARAMETER_q": "x",
        "AZUREML_PARAMETER_n": "5",
    }
    with pytest.raises(SpecError, match="no parameter `m`"):
        graph_of(pipeline, {"m": 5}, shop)


def test_a_parallel_step(tmp_path: Path, shop: Shop) -> None:
    parallel = {
        "entry_script": "a.py",
        "error_threshold": 2,
        "append_row": True,
        "file_name": "rows.txt",
        "processes": 2,
        "mini_batch_size": "1KB",
        "logging_level": "INFO",
        "timeout": 60,
        "tries": 3,
    }
    inputs = {"files": {"reference": str(tmp_path), "mode": "mount"}}
    given = {"script": None, "parallel": parallel, "inputs": inputs}
    outputs = {"out": {"name": "out", "is_open": True}}
    each = step(tmp_path, "each", **given, outputs=outputs)
    work = graph_of({"steps": [each]}, {}, shop).steps["each"].work
    assert isinstance(work, ParallelWork)
    assert work.parallel.batch.size == 1024
    assert work.parallel.retry.max_retries == 2
    assert work.parallel.task.append_row_to == "${{outputs.out}}/rows.txt"
    for wrong, problem in (
        ({"entry_script": "none.py"}, "entry script not found"),
        ({"mini_batch_size": "many"}, "not a size of mini-batches"),
    ):
        each["job"]["parallel"] = {**parallel, **wrong}
        with pytest.raises(SpecError, match=f"submit.py:9: {problem}"):
            graph_of({"steps": [each]}, {}, shop)


def test_a_pipeline_is_checked(tmp_path: Path, ask: Ask) -> None:
    unwritten = {"x": {"name": "x", "mode": "mount", "from": {"step": None, "output": "x"}}}
    [problem] = ask(
        "POST", "pipelines/checked", pipeline={"steps": [step(tmp_path, "one", inputs=unwritten)]}
    )["problems"]
    assert "no step writes it" in problem
    one, two = step(tmp_path, "one"), step(tmp_path, "two")
    one["after"], two["after"] = ["two"], ["one"]
    [problem] = ask("POST", "pipelines/checked", pipeline={"steps": [one, two]})["problems"]
    assert "one" in problem
    assert "two" in problem
    found = ask("POST", "pipelines/checked", pipeline={"steps": [step(tmp_path, "one")]})
    assert found["problems"] == []


def test_a_job_that_cannot_be_is_the_operations_failure(
    tmp_path: Path, ask: Ask, authoring: Authoring
) -> None:
    started = ask(
        "POST", "runs", experiment="e", job=told(tmp_path, script="b.py"), file="s.py", line=3
    )
    error = ended(authoring, started["operation"])["error"]
    assert error["message"].startswith("s.py:3: script not found")
    assert authoring.workspace.runs.list() == []


def test_arguments_of_a_parallel_step_stay_what_they_are(tmp_path: Path, shop: Shop) -> None:
    parallel = {
        "entry_script": "a.py",
        "error_threshold": 2,
        "append_row": False,
        "file_name": "rows.txt",
        "processes": 1,
        "mini_batch_size": None,
        "logging_level": "INFO",
        "timeout": 60,
        "tries": 1,
    }
    inputs = {"files": {"reference": str(tmp_path), "mode": "mount"}}
    words = ["--title", "it's two words", "--files", "$AZUREML_DATAREFERENCE_files"]
    each = step(tmp_path, "each", script=None, parallel=parallel, inputs=inputs, arguments=words)
    work = graph_of({"steps": [each]}, {}, shop).steps["each"].work
    assert isinstance(work, ParallelWork)
    said = work.parallel.task.program_arguments or ""
    assert shlex.split(said) == words
    assert said.endswith(" $AZUREML_DATAREFERENCE_files"), "for a shell to put the path in"
