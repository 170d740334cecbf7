from pathlib import Path

import pytest

from toolkit.engines.docker.peek import product
from toolkit.plans.image import plan_image
from toolkit.plans.packages import Locked, Present
from toolkit.specs.environment import load_environment

ENV = "name: iris\ndependencies: [{pip: [azureml-inference-server-http]}]\n"


@pytest.mark.parametrize(
    ("python", "version"),
    [("3.8", "1.8.21"), ("3.9", "1.8.21"), ("3.10", "1.8.22"), ("3.13", "1.8.22")],
)
def test_each_python_gets_a_debugger_that_is_made_for_it(
    tmp_path: Path, python: str, version: str
) -> None:
    (tmp_path / "env.yml").write_text(ENV)
    environment = load_environment(tmp_path / "env.yml")
    plan = plan_image(
        environment, packages=Locked(python=python, lock=""), kind="inference", base="b"
    )
    assert plan.contents is not None
    assert plan.contents.debugpy_version == version


def test_where_only_the_build_knows_the_python_it_chooses_itself(tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text(ENV)
    environment = load_environment(tmp_path / "env.yml")
    dockerfile = plan_image(environment, packages=Present(), kind="inference", base="b").dockerfile
    assert "\"debugpy==1.8.22; python_version >= '3.10'\"" in dockerfile
    assert "\"debugpy==1.8.21; python_version < '3.10'\"" in dockerfile


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ({"Platform": {"Name": "Docker Engine - Community"}}, "Docker Engine - Community"),
        ({"Platform": {"Name": ""}}, "Docker"),
        ({}, "Docker"),
        (
            {"Platform": {"Name": "linux/amd64"}, "Components": [{"Name": "Podman Engine"}]},
            "Podman",
        ),
    ],
)
def test_engines_are_called_by_their_names(version: dict[str, object], said: str) -> None:
    assert product(version) == said
