from __future__ import annotations

import json
import os
import subprocess
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

SERVERS = Distribution(type="tensorflow", workers=1, parameter_servers=1)


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


def test_the_words_of_a_command_hold_variables(tmp_path: Path) -> None:
    words = [
        "printf",
        "<%s>",
        "$RAW",
        "--data=${RAW}/a b",
        "$NOBODY",
        "$NODE $ \"'`\\ $1 ${x} z",
        "a*",
    ]
    job = load(tmp_path, script=None, command=words)
    variables = {"PATH": os.environ["PATH"], "RAW": "/data/the raw", "NODE": "0"}
    ran = subprocess.run(
        ["bash", "-c", str(job.command)], env=variables, capture_output=True, check=True, text=True
    )
    expected = [
        "/data/the raw",
        "--data=/data/the raw/a b",
        "$NOBODY",
        "0 $ \"'`\\ $1 ${x} z",
        "a*",
    ]
    assert ran.stdout == "".join(f"<{word}>" for word in expected)


def test_shared_memory_may_stand_in_the_environment(tmp_path: Path) -> None:
    environment = {**MADE["environment"], "docker": {"baseImage": "i", "shmSize": "8g"}}
    assert load(tmp_path, environment=environment).shm_size == "8g"
    both = load(tmp_path, environment=environment, docker={"shmSize": "4g"})
    assert both.shm_size == "4g"
    assert load(tmp_path).shm_size is None


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    reference = {"dataStoreName": "s", "pathOnDataStore": "a", "pathOnCompute": "/tmp/data"}
    job = load(
        tmp_path,
        target="cpu-cluster",
        framework="PySpark",
        docker={"arguments": ["--ipc=host"]},
        dataReferences={"raw": reference},
    )
    said = " ".join(job.notes)
    for what in ("cpu-cluster", "PySpark", "docker.arguments", "raw.pathOnCompute"):
        assert what in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"communicator": "OpenMpi", "mpi": {"processCountPerNode": 3}}, ("mpi", 3)),
        ({"framework": "PyTorch", "pytorch": {"processCount": 4}, "nodeCount": 2}, ("pytorch", 2)),
        ({"framework": "PyTorch", "pytorch": {"processCount": None}}, None),
        ({"communicator": "ParameterServer", "tensorflow": {"parameterServerCount": 1}}, SERVERS),
    ],
)
def test_processes_are_counted(
    tmp_path: Path, changes: dict[str, Any], expected: Distribution | tuple[Any, int] | None
) -> None:
    wanted = (
        Distribution(type=expected[0], processes=expected[1])
        if isinstance(expected, tuple)
        else expected
    )
    assert load(tmp_path, **changes).distribution == wanted


def test_data_references_become_inputs_and_outputs(tmp_path: Path) -> None:
    references = {
        "raw": {"dataStoreName": "store", "pathOnDataStore": "a/b", "mode": "mount"},
        "out": {"dataStoreName": "store", "pathOnDataStore": "c", "mode": "upload"},
    }
    job = load(tmp_path, dataReferences=references)
    assert job.inputs["raw"].path == "azureml://datastores/store/paths/a/b"
    assert job.outputs["out"].path == "azureml://datastores/store/paths/c"


def test_datasets_and_outputs_have_a_place(tmp_path: Path) -> None:
    job = load(
        tmp_path,
        data={
            "named": {"dataLocation": {"dataset": {"id": "1", "name": "iris", "version": 2}}},
            "newest": {"dataLocation": {"dataset": {"name": "iris"}, "dataPath": None}},
            "path": {"dataLocation": {"dataPath": {"datastoreName": "s", "relativePath": "a/"}}},
        },
        outputData={
            "here": {"outputLocation": {"dataPath": {"datastoreName": "s", "relativePath": "b"}}},
            "anywhere": {"outputLocation": None},
        },
    )
    assert {name: given.path for name, given in job.inputs.items()} == {
        "named": "azureml:iris:2",
        "newest": "azureml:iris@latest",
        "path": "azureml://datastores/s/paths/a",
    }
    assert {name: given.path for name, given in job.outputs.items()} == {
        "here": "azureml://datastores/s/paths/b",
        "anywhere": None,
    }


def test_a_file_of_2019_is_read(tmp_path: Path) -> None:
    """With the sections that the SDK wrote into every file, whatever it ran."""
    job = load(
        tmp_path,
        framework="TensorFlow",
        autoPrepareEnvironment=True,
        hdi={"yarnDeployMode": "cluster"},
        tensorflow={"workerCount": 1, "parameterServerCount": 1},
        mpi={"processCountPerNode": 1},
        amlcompute={"vmSize": None, "clusterMaxNodeCount": 1},
    )
    assert job.distribution is None
    assert job.notes == ()


def test_the_sdks_own_limit_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, maxRunDurationSeconds=2_592_000).timeout is None
    assert load(tmp_path, maxRunDurationSeconds=60).timeout == 60


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"script": "trian.py"}, "script not found"),
        ({"script": "../train.runconfig"}, "script not found"),
        ({"script": ".azureml/../../outside.py"}, "lies outside the project"),
        ({"maxRunDurationSeconds": 0}, "maxRunDurationSeconds"),
        ({"script": None}, "neither `script` nor `command`"),
        ({"scirpt": "x"}, "unknown key `scirpt`"),
        ({"environment": None}, "no `environment`"),
        ({"dataReferences": {"x": {"dataStoreName": "s", "mode": "stream"}}}, "unknown mode"),
        ({"data": {"x": {"dataLocation": {"dataset": {"id": "1"}}}}}, "by an id"),
        ({"nodeCount": 0}, "nodeCount"),
        ({"docker": {"shmSize": "2Gi"}}, "not a size: 2Gi"),
        ({"data": {"x": 5}}, "`x` must be a mapping"),
        ({"data": {"x": {"dataLocation": 5}}}, "`dataLocation` must be a mapping"),
        ({"data": {"x": {"dataLocation": {"dataPath": "a"}}}}, "`dataPath` must be a mapping"),
        ({"data": {"x": {"dataLocation": {"dataPath": {"relativePath": "a"}}}}}, "`x` names"),
        ({"outputData": {"x": []}}, "`x` must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    (tmp_path / "outside.py").touch()
    (tmp_path / "project").mkdir()
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "project", **changes)
    assert "train.runconfig:" in caught.value.message
    assert said in caught.value.message
