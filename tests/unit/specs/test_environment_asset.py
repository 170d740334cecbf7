from pathlib import Path

import pytest

from tests.project import Tree
from tests.unit.specs.environment_files import loaded, refused
from toolkit.specs.environment import (
    CondaEnvironment,
    Dependency,
    DockerfileEnvironment,
    ImageEnvironment,
    environment_section,
)
from toolkit.specs.yamlfile import load_yaml

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
EVERYTHING = """
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: Docker_Image
version: 1.2
description: all keys
tags: {team: a}
properties: {}
os_type: linux
image: python:3.11
inference_config:
  liveness_route: {port: 5001, path: /}
  scoring_route: {port: 5001, path: /score}
"""


def test_an_image_with_every_other_key(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"env.yml": EVERYTHING}, "env.yml") == ImageEnvironment(
        name="docker-image", image="python:3.11", path=tmp_path / "env.yml"
    )


@pytest.mark.parametrize("image", ["python 3.11", '"python:3.11\\nRUN x"', "a:${TAG}", "'a\"b'"])
@pytest.mark.parametrize("more", ["", "conda_file: {dependencies: [python=3.11]}\n"])
def test_an_image_is_one_word_of_a_dockerfile(tmp_path: Path, image: str, more: str) -> None:
    files: Tree = {"env.yml": f"name: a\nimage: {image}\n{more}"}
    error = refused(tmp_path, files, "env.yml")
    assert error.message.startswith("env.yml:2: not an image: ")


def test_an_image_names_the_environment_where_nothing_else_does(tmp_path: Path) -> None:
    files: Tree = {"env.yml": "image: host:5000/team/py-base:3@sha256:0\n"}
    assert loaded(tmp_path, files, "env.yml").name == "py-base"


def test_an_image_with_a_conda_file(tmp_path: Path) -> None:
    files: Tree = {
        "envs": {"env.yml": "name: iris\nimage: python:3.11\nconda_file: ../conda.yml\n"},
        "conda.yml": "name: other\ndependencies:\n  - pip:\n      - numpy\n",
    }
    environment = loaded(tmp_path, files, "envs/env.yml")
    assert isinstance(environment, CondaEnvironment)
    assert (environment.name, environment.base) == ("iris", "python:3.11")
    assert environment.path.resolve() == tmp_path / "conda.yml"
    assert environment.pip == (Dependency(text="numpy", line=4),)


def test_an_inline_conda_file_keeps_its_lines(tmp_path: Path) -> None:
    text = """\
name: iris
image: python:3.11
conda_file:
  channels: [conda-forge]
  dependencies:
    - python=3.10
    - pip:
        - numpy
"""
    environment = loaded(tmp_path, {"env.yml": text}, "env.yml")
    assert isinstance(environment, CondaEnvironment)
    assert environment.conda == (Dependency(text="python=3.10", line=6),)
    assert environment.pip == (Dependency(text="numpy", line=8),)


def test_a_build_with_a_dockerfile_of_another_name(tmp_path: Path) -> None:
    files: Tree = {
        "env.yml": "build:\n  path: ctx\n  dockerfile_path: docker/cpu.Dockerfile\n",
        "ctx": {"docker": {"cpu.Dockerfile": "FROM python:3.11\n"}},
    }
    environment = loaded(tmp_path, files, "env.yml")
    assert isinstance(environment, DockerfileEnvironment)
    assert environment.name == "ctx"
    assert environment.dockerfile.context == tmp_path / "ctx"
    assert environment.dockerfile.path == tmp_path / "ctx/docker/cpu.Dockerfile"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (SCHEMA + "imgae: x\n", "env.yml:2: unknown key `imgae`", "did you mean `image`?"),
        (
            "name: a\nversion: 1\nimgae: x\n",
            "env.yml:3: unknown key `imgae`",
            "did you mean `image`?",
        ),
        (
            "name: a\nversion: 1\n",
            "env.yml:1: an environment needs `image` or `build`",
            "write `image: IMAGE`, or `build:` with the folder of a Dockerfile",
        ),
        (
            "name: a\nconda_file: c.yml\n",
            "env.yml:2: an environment needs `image` or `build`",
            "`conda_file` is installed on top of an `image`",
        ),
        ("image: ' '\n", "env.yml:1: `image` is empty", ""),
        ("image: x\nos_type: windows\n", "env.yml:2: only `linux` can be emulated: windows", ""),
        (
            "build: {path: .}\nimage: x\n",
            "env.yml:2: `image` cannot stand beside `build`",
            "a Dockerfile says by itself what it stands on and what it installs",
        ),
        ("build:\n  pth: .\n", "env.yml:2: unknown key `pth`", "did you mean `path`?"),
        ("name: a\nbuild:\n  dockerfile_path: D\n", "env.yml:2: `path`: field required", ""),
        ("build:\n  path: nowhere\n", "env.yml:2: no such folder: nowhere", ""),
        (
            "build:\n  path: ctx\n  dockerfile_path: ../Dockerfile\n",
            "env.yml:3: the Dockerfile lies outside its build context ctx: `../Dockerfile`",
            "name a folder as `path` that has it inside",
        ),
        ("build:\n  path: ctx\n", "env.yml:1: Dockerfile not found: ctx/Dockerfile", ""),
        (
            "build:\n  path: https://github.com/a/b\n",
            "env.yml:2: not a path on this machine: `https://github.com/a/b`",
            "",
        ),
        (
            "image: x\nconda_file: conad.yml\n",
            "env.yml:2: conda file not found: conad.yml",
            "did you mean `conda.yml`?",
        ),
        (
            "image: x\nconda_file:\n  dependancies: []\n",
            "env.yml:3: unknown key `dependancies`",
            "did you mean `dependencies`?",
        ),
        (
            "image: x\ninference_config:\n  scoring_rout: {}\n",
            "env.yml:3: unknown key `scoring_rout`",
            "did you mean `scoring_route`?",
        ),
    ],
)
def test_bad_input_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    files: Tree = {
        "env.yml": text,
        "conda.yml": "dependencies: []\n",
        "Dockerfile": "FROM x\n",
        "ctx": {"other.txt": ""},
    }
    error = refused(tmp_path, files, "env.yml")
    assert (error.message, error.hint) == (message, hint)


def test_an_error_inside_the_conda_file_names_that_file(tmp_path: Path) -> None:
    conda = "name: a\ndependencies:\n - 3\n"
    files: Tree = {"env.yml": "image: x\nconda_file: c.yml\n", "c.yml": conda}
    assert refused(tmp_path, files, "env.yml").message.startswith("c.yml:3: a dependency must be")


def test_a_job_writes_it_inline_or_by_reference(tmp_path: Path) -> None:
    path = tmp_path / "job.yml"
    path.write_text(
        "a:\n  environment: {image: x}\nb: {environment: 'azureml:AzureML-sklearn-1.5@latest'}\n"
        "c: {environment: 'file:env.yml'}\n"
    )
    (tmp_path / "env.yml").write_text("image: y\n")
    file = load_yaml(path, what="job")
    inline = environment_section(file, "a", "environment")
    assert inline == ImageEnvironment(name="x", image="x", path=path)
    assert environment_section(file, "b", "environment").name == "sklearn-1-5"
    assert environment_section(file, "c", "environment").name == "y"
