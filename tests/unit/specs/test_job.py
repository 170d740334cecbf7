from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import SpecError
from toolkit.specs.distribution import Distribution
from toolkit.specs.environment import ImageEnvironment
from toolkit.specs.inputs import Input, with_values
from toolkit.specs.job import CommandJob, command_job, script_job
from toolkit.specs.yamlfile import load_yaml

JOB = """\
    $schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
    command: python train.py --lr ${{inputs.lr}} $[[--n ${{inputs.n}}]] --out ${{outputs.model}}
    code: src
    environment: azureml:AzureML-sklearn-1.5@latest
    inputs:
      lr: 0.5
      n: {type: integer, optional: true}
      data: {type: uri_folder, path: ./data, mode: download}
    outputs:
      model:
      report: {type: uri_file}
    distribution: {type: pytorch, process_count_per_instance: 2}
    resources: {instance_count: 2, shm_size: 1g, docker_args: --memory 512m, instance_type: x}
    limits: {timeout: 60}
    services: {my: {type: ssh}}
    environment_variables: {A: 1}
"""


def load(tmp_path: Path, text: str) -> CommandJob:
    (tmp_path / "src").mkdir(exist_ok=True)
    path = tmp_path / "job.yml"
    path.write_text(textwrap.dedent(text))
    return command_job(load_yaml(path, what="job file"))


def test_every_part_of_a_job_is_read(tmp_path: Path) -> None:
    job = load(tmp_path, JOB)
    assert job.era == "v2"
    assert job.code == tmp_path / "src"
    assert job.environment == "azureml:AzureML-sklearn-1.5@latest"
    assert job.inputs["lr"] == Input(type="number", value=0.5)
    assert job.inputs["n"].optional
    assert (job.inputs["data"].path, job.inputs["data"].mode) == ("./data", "download")
    assert job.outputs["model"].type == "uri_folder"
    assert job.outputs["report"].is_file
    assert job.distribution == Distribution(type="pytorch", processes=2)
    assert (job.instance_count, job.shm_size, job.memory) == (2, "1g", "512m")
    assert job.timeout == 60
    assert job.environment_variables == {"A": "1"}
    assert "`services` is left out: the job runs here" in job.notes


@pytest.mark.parametrize(
    ("written", "memory", "is_said"),
    [
        ("--memory 512m", "512m", False),
        ("-m=2g --ipc=host", "2g", True),
        ("--gpus all", None, True),
        ("[--memory, 1g]", "1g", False),
    ],
)
def test_what_docker_is_not_told_is_said(
    tmp_path: Path, written: str, memory: str | None, *, is_said: bool
) -> None:
    text = f"command: ls\nenvironment: {{image: a}}\nresources:\n  docker_args: {written}\n"
    job = load(tmp_path, text)
    assert job.memory == memory
    assert any("docker_args" in note for note in job.notes) is is_said


def test_words_may_be_in_any_case(tmp_path: Path) -> None:
    text = """\
    command: ls
    environment: {image: a}
    inputs: {raw: {type: URI_Folder, path: ./a, mode: Download}}
    outputs: {out: {type: Mlflow_Model, mode: RW_Mount}}
    """
    job = load(tmp_path, text)
    assert (job.inputs["raw"].type, job.inputs["raw"].mode) == ("uri_folder", "download")
    assert (job.outputs["out"].type, job.outputs["out"].mode) == ("mlflow_model", "rw_mount")


@pytest.mark.parametrize(
    ("size", "is_one"),
    [("2g", True), ("512M", True), ("1.5gb", True), ("2Gi", False), ("-1g", False), ("big", False)],
)
def test_shared_memory_is_a_size(tmp_path: Path, size: str, *, is_one: bool) -> None:
    text = f"command: ls\nenvironment: {{image: a}}\nresources:\n  shm_size: {size}\n"
    if is_one:
        assert load(tmp_path, text).shm_size == size
        return
    with pytest.raises(SpecError, match=r"job\.yml:4: `shm_size`: not a size"):
        load(tmp_path, text)


def test_the_datastore_of_an_upload_means_nothing_here(tmp_path: Path) -> None:
    text = (
        "command: ls\nenvironment: {image: a}\ninputs:\n  raw: {path: ./a, datastore: azureml:b}\n"
    )
    assert load(tmp_path, text).inputs["raw"].path == "./a"


def test_an_inline_environment_is_read(tmp_path: Path) -> None:
    job = load(tmp_path, "command: ls\nenvironment: {image: python:3.11}\n")
    assert isinstance(job.environment, ImageEnvironment)


@pytest.mark.parametrize(
    ("changed", "said", "line"),
    [
        ({"${{inputs.lr}}": "${{inputs.l}}"}, "`${{inputs.l}}` is not defined", 2),
        ({"${{outputs.model}}": "${{outputs.modl}}"}, "is not defined", 2),
        ({"code: src": "code: nowhere"}, "no such folder", 3),
        ({"code: src": "code: git+https://x/y"}, "not on this machine", 3),
        ({"limits: {timeout: 60}": "limits: {timeuot: 60}"}, "unknown key `timeuot`", 14),
        ({"limits: {timeout: 60}": "limits: {timeout: -1}"}, "timeout", 14),
        ({"environment_variables": "enviroment_variables"}, "unknown key", 16),
        ({"type: pytorch": "type: pytorhc"}, "unknown type of distribution: `pytorhc`", 12),
        ({"type: pytorch": "type: ray"}, "Ray cluster", 12),
        ({"type: integer, optional": "type: int, optional"}, "type", 7),
        ({"mode: download": "mode: downlaod"}, "mode", 8),
        ({"lr: 0.5": "lr: [1]"}, "must be a value", 6),
        ({"lr: 0.5": "lr:"}, "has no value", 6),
        ({"lr: 0.5": "l-r: 0.5"}, "not a name", 6),
        ({"lr: 0.5": "lr: {type: integer, default: x}"}, "not an integer: x", 6),
        ({"lr: 0.5": "lr: {type: number, path: x}"}, "has no path", 6),
        ({"lr: 0.5": "lr: {type: number, default: 5, max: 1}"}, "more than 1: 5", 6),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, changed: dict[str, str], said: str, line: int
) -> None:
    text = JOB
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text)
    assert f"job.yml:{line}: " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["command: ls\n", "environment: {image: x}\n", "[]", ""])
def test_what_is_no_job_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError, match=r"job\.yml"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("lr", "1", 1.0), ("n", "3", 3), ("data", "elsewhere", "elsewhere")],
)
def test_values_from_the_command_line_are_read_as_their_type(
    tmp_path: Path, name: str, text: str, value: Any
) -> None:
    changed = with_values(load(tmp_path, JOB).inputs, {name: text})[name]
    assert (changed.path if name == "data" else changed.value) == value


@pytest.mark.parametrize(
    ("given", "said"),
    [({"n": "x"}, "`inputs.n`: not an integer: x"), ({"m": "1"}, "no input of this name: `m`")],
)
def test_values_that_do_not_fit_are_refused(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        with_values(load(tmp_path, JOB).inputs, given)


def test_a_script_is_a_job_of_the_first_generation(tmp_path: Path) -> None:
    script = tmp_path / "src" / "train.py"
    script.parent.mkdir()
    script.touch()
    job = script_job(script, environment="x", arguments=["--lr", "1"], code=tmp_path)
    assert (job.era, job.script, job.arguments) == ("v1", "src/train.py", ("--lr", "1"))
    assert script_job(script, environment="x").code == tmp_path / "src"


def test_a_script_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    with pytest.raises(SpecError) as caught:
        script_job(tmp_path / "trian.py", environment="x")
    assert "train.py" in caught.value.hint


def test_a_script_outside_the_code_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "src").mkdir()
    with pytest.raises(SpecError, match="outside the code folder"):
        script_job(tmp_path / "train.py", environment="x", code=tmp_path / "src")
