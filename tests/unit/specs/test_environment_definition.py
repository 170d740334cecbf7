import json
from pathlib import Path

import pytest

from tests.project import Tree
from tests.unit.specs.environment_files import loaded, refused
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    Dependency,
    DockerfileEnvironment,
    ImageEnvironment,
)

NAME = "azureml_environment.json"
NO_CONDA = (
    "write `python.condaDependencies` or `python.condaDependenciesFile`, or "
    "`python.userManagedDependencies: true` for an image that brings them"
)
SAVED: dict[str, object] = {
    "assetId": None,
    "databricks": {"eggLibraries": [], "jarLibraries": []},
    "docker": {
        "arguments": [],
        "baseDockerfile": None,
        "baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1",
        "baseImageRegistry": {"address": None, "password": None, "username": None},
        "buildContext": None,
        "enabled": False,
        "platform": {"architecture": "amd64", "os": "Linux"},
        "sharedVolumes": True,
        "shmSize": None,
    },
    "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
    "inferencingStackVersion": None,
    "name": "My Env",
    "python": {
        "baseCondaEnvironment": None,
        "condaDependencies": {
            "channels": ["conda-forge"],
            "dependencies": ["python=3.10", {"pip": ["azureml-defaults"]}],
            "name": "project_environment",
        },
        "interpreterPath": "python",
        "userManagedDependencies": False,
    },
    "r": None,
    "spark": {"packages": [], "precachePackages": True, "repositories": []},
    "version": None,
}
CONDA_YML = "dependencies:\n  - python=3.9\n  - pip:\n      - numpy\n"


def saved(**changes: object) -> Tree:
    return {NAME: json.dumps(SAVED | changes, indent=4)}


def test_what_the_sdk_saves(tmp_path: Path) -> None:
    assert loaded(tmp_path, saved(), NAME) == CondaEnvironment(
        name="my-env",
        path=tmp_path / NAME,
        channels=("conda-forge",),
        conda=(Dependency(text="python=3.10", line=37),),
        pip=(Dependency(text="azureml-defaults", line=40),),
        variables={"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        base="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1",
    )


def test_the_folder_of_save_to_directory(tmp_path: Path) -> None:
    """Conda file and Dockerfile lie beside a JSON that does not repeat them."""
    files: Tree = {
        **saved(python={"userManagedDependencies": False}, docker={"baseImage": None}),
        "conda_dependencies.yml": CONDA_YML,
        "BaseDockerfile": "FROM python:3.9\n",
    }
    environment = loaded(tmp_path, files, NAME)
    assert isinstance(environment, CondaEnvironment)
    assert environment.path == tmp_path / "conda_dependencies.yml"
    assert not isinstance(environment.base, str)
    assert environment.base
    assert environment.base.text == "FROM python:3.9\n"


def test_a_base_image_in_a_registry_of_its_own(tmp_path: Path) -> None:
    docker = {"baseImage": "team/base:1", "baseImageRegistry": {"address": "mine.example"}}
    environment = loaded(tmp_path, saved(docker=docker), NAME)
    assert isinstance(environment, CondaEnvironment)
    assert environment.base == "mine.example/team/base:1"


def test_user_managed_dependencies_take_the_image_as_it_is(tmp_path: Path) -> None:
    python = {"userManagedDependencies": True, "interpreterPath": "/opt/x/bin/python"}
    environment = loaded(tmp_path, saved(python=python, docker={"baseImage": "mine:1"}), NAME)
    assert environment == ImageEnvironment(
        name="my-env",
        image="mine:1",
        path=tmp_path / NAME,
        interpreter="/opt/x/bin/python",
        variables={"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
    )


def test_the_default_interpreter_is_none_in_particular(tmp_path: Path) -> None:
    python = {"userManagedDependencies": True, "interpreterPath": "python"}
    environment = loaded(tmp_path, saved(python=python, docker={"baseImage": "mine:1"}), NAME)
    assert isinstance(environment, ImageEnvironment)
    assert environment.interpreter is None


def test_a_base_dockerfile_as_text(tmp_path: Path) -> None:
    python = {"userManagedDependencies": True}
    docker = {"baseDockerfile": "FROM python:3.11\nRUN true\n"}
    environment = loaded(tmp_path, saved(python=python, docker=docker), NAME)
    assert isinstance(environment, DockerfileEnvironment)
    assert environment.dockerfile.text == "FROM python:3.11\nRUN true\n"
    assert environment.dockerfile.context is None


def test_what_no_image_can_hold_is_said(tmp_path: Path) -> None:
    registry = {"address": "mine.example", "username": "me", "password": "secret"}
    docker = {"baseImage": "x", "arguments": ["--privileged"], "baseImageRegistry": registry}
    environment = loaded(
        tmp_path, saved(docker=docker, spark={"packages": [{"artifact": "a"}]}), NAME
    )
    assert isinstance(environment, CondaEnvironment)
    assert environment.notes == (
        "`docker.arguments` is left out",
        "`docker.baseImageRegistry.username` is left out",
        "`spark.packages` is left out",
    )


def test_a_run_configuration_names_files_from_the_projects_root(tmp_path: Path) -> None:
    text = """\
script: train.py
framework: Python
environment:
  name: iris
  python:
    condaDependenciesFile: .azureml/conda_dependencies.yml
  docker:
    baseImage: python:3.9
  environmentVariables:
    A: b
"""
    files: Tree = {".azureml": {"local.runconfig": text, "conda_dependencies.yml": CONDA_YML}}
    environment = loaded(tmp_path, files, ".azureml/local.runconfig")
    assert isinstance(environment, CondaEnvironment)
    assert (environment.name, environment.base) == ("iris", "python:3.9")
    assert environment.path == tmp_path / ".azureml/conda_dependencies.yml"
    assert environment.variables == {"A": "b"}


def test_a_run_configuration_as_vs_code_wrote_it(tmp_path: Path) -> None:
    text = json.dumps({"script": "train.py", "target": "local", "environment": SAVED})
    environment = loaded(tmp_path, {"local.runconfig": text}, "local.runconfig")
    assert environment.name == "my-env"


def test_a_run_configuration_with_only_a_name_means_a_curated_one(tmp_path: Path) -> None:
    text = "script: a.py\nenvironment: {name: AzureML-Minimal, version: 1}\n"
    environment = loaded(tmp_path, {"a.runconfig": text}, "a.runconfig")
    assert isinstance(environment, CuratedEnvironment)
    assert environment.title == "AzureML-Minimal"


def test_a_base_dockerfile_as_a_yaml_block_keeps_its_lines(tmp_path: Path) -> None:
    text = """\
script: a.py
environment:
  python: {userManagedDependencies: true}
  docker:
    baseDockerfile: |
      FROM python:3.11
      COPY ../secrets /x
"""
    error = refused(tmp_path, {"a.runconfig": text}, "a.runconfig")
    assert error.message == "a.runconfig:7: `../secrets` leads out of the build context"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            '{"name": "a",\n "docker": {"baseImage": "x"},\n "pyton": {}}',
            "env.json:3: unknown key `pyton`",
            "did you mean `python`?",
        ),
        (
            '{"docker": {"baseImage": "x",\n "baseDockerfil": "y"}}',
            "env.json:2: unknown key `baseDockerfil`",
            "did you mean `baseDockerfile`?",
        ),
        (
            '{"docker": {"baseImage": "x",\n "baseDockerfile": "FROM y"}}',
            "env.json:2: `baseImage` and `baseDockerfile` exclude each other",
            "set one of them to null",
        ),
        (
            '{"docker": {},\n "python": {"userManagedDependencies": true}}',
            "env.json:2: no image that could bring the dependencies",
            "write `docker.baseImage` or `docker.baseDockerfile`",
        ),
        (
            '{"docker": {"baseImage": "x"},\n "python": {}}',
            "env.json:2: no conda dependencies",
            NO_CONDA,
        ),
        (
            '{"docker": {"baseImage": "x"},\n "python": {"condaDependenciesFile": "conad.yml"}}',
            "env.json:2: conda file not found: conad.yml",
            "did you mean `conda.yml`?",
        ),
        (
            '{"docker": {"baseImage": "x"},\n "python": {"condaDependencies":\n {"deps": []}}}',
            "env.json:3: unknown key `deps`",
            "did you mean `dependencies`?",
        ),
        (
            '{"docker": {"baseDockerfile": "RUN true\\nFROM x"},\n "python": {}}',
            "env.json:1: `RUN` before the first `FROM`",
            "a Dockerfile begins with `FROM IMAGE`",
        ),
        (
            '{"docker":\n {"baseDockerfile": "my/Dockerfile"}, "python": {}}',
            "env.json:2: Dockerfile not found: my/Dockerfile",
            "",
        ),
        (
            '{"docker": {"buildContext":\n {"location": "https://a/b", "locationType": "git"}}}',
            "env.json:2: not a folder on this machine: `https://a/b`",
            "",
        ),
        (
            '{"docker": {"baseImage": "x",\n "platform": {"os": "Windows"}}, "python": {}}',
            "env.json:2: only `Linux` can be emulated: Windows",
            "",
        ),
        (
            '{"docker": {\n"baseImage": "x y"}, "python": {}}',
            "env.json:2: not an image: `x y`",
            "write for example `mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest`",
        ),
        (
            '{"docker": {"baseImage": "x"}, "environmentVariables": {\n"A B": "c"}, "python": {}}',
            "env.json:2: not a name for a variable: `A B`",
            "",
        ),
    ],
)
def test_bad_input_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    files = {"env.json": text, "conda.yml": CONDA_YML}
    error = refused(tmp_path, files, "env.json")
    assert (error.message, error.hint) == (message, hint)
