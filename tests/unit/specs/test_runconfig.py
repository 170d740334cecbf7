from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import SpecError
from toolkit.specs.distribution import Distribution
from toolkit.specs.environment import CondaEnvironment
from toolkit.specs.job import CommandJob
from toolkit.specs.runconfig import is_run_configuration, run_configuration
from toolkit.specs.yamlfile import load_yaml

# as the VS Code extension of 2020 wrote it
MADE: dict[str, Any] = {
    "script": "train.py",
    "arguments": ["--data", "$AZUREML_DATAREFERENCE_raw", 3],
    "framework": "Python",
    "communicator": "None",
    "target": "local",
    "environment": {
        "name": "tiny",
        "version": "1",
        "python": {
            "interpreterPath": "python",
            "userManagedDependencies": False,
            "condaDependencies": {"name": "tiny", "dependencies": ["python=3.11"]},
            "baseCondaEnvironment": None,
        },
        "environmentVariables": {},
        "docker": {"baseImage": "mcr.microsoft.com/azureml/base:0.2.4", "enabled": True},
        "spark": {"repositories": [], "packages": [], "precachePackages": True},
        "inferencingStackVersion": None,
    },
    "history": {"outputCollection": True, "snapshotProject": False, "directoriesToWatch": ["logs"]},
}


def load(tmp_path: Path, **changes: Any) -> CommandJob:
    (tmp_path / "train.py").touch()
    path = tmp_path / ".azureml" / "train.runconfig"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**MADE, **changes}, indent=1))
    file = load_yaml(path, what="run configuration")
    assert is_run_configuration(file)
    return run_configuration(file)


def test_a_configuration_of_the_extension_is_read(tmp_path: Path) -> None:
    job = load(tmp_path)
    assert (job.era, job.script, job.code) == ("v1", "train.py", tmp_path)
    assert job.arguments == ("--data", "$AZUREML_DATAREFERENCE_raw", "3")
    assert isinstance(job.environment, CondaEnvironment)
    assert job.notes == ()


def test_a_command_has_the_first_generations_layout(tmp_path: Path) -> None:
    job = load(tmp_path, script=None, command=["python", "a b.py"])
    assert (job.era, job.command) == ("v1", "python 'a b.py'")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"communicator": "OpenMpi", "mpi": {"processCountPerNode": 3}}, ("mpi", 3)),
        ({"framework": "PyTorch", "pytorch": {"processCount": 4}, "nodeCount": 2}, ("pytorch", 2)),
        ({"framework": "PyTorch", "pytorch": {"processCount": None}}, None),
    ],
)
def test_processes_are_counted(
    tmp_path: Path, changes: dict[str, Any], expected: tuple[Any, int] | None
) -> None:
    wanted = expected and Distribution(type=expected[0], processes=expected[1])
    assert load(tmp_path, **changes).distribution == wanted


def test_data_references_become_inputs_and_outputs(tmp_path: Path) -> None:
    references = {
        "raw": {"dataStoreName": "store", "pathOnDataStore": "a/b", "mode": "mount"},
        "out": {"dataStoreName": "store", "pathOnDataStore": "c", "mode": "upload"},
    }
    job = load(tmp_path, dataReferences=references)
    assert job.inputs["raw"].path == "azureml://datastores/store/paths/a/b"
    assert job.outputs["out"].path == "azureml://datastores/store/paths/c"


def test_the_sdks_own_limit_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, maxRunDurationSeconds=2_592_000).timeout is None
    assert load(tmp_path, maxRunDurationSeconds=60).timeout == 60


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"script": "trian.py"}, "script not found"),
        ({"script": None}, "neither `script` nor `command`"),
        ({"scirpt": "x"}, "unknown key `scirpt`"),
        ({"environment": None}, "no `environment`"),
        ({"dataReferences": {"x": {"dataStoreName": "s", "mode": "stream"}}}, "unknown mode"),
        ({"data": {"x": {"dataLocation": {"dataset": {"id": "1"}}}}}, "by an id"),
        ({"nodeCount": 0}, "nodeCount"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, **changes)
    assert "train.runconfig:" in caught.value.message
    assert said in caught.value.message
