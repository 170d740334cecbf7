"""promote as a user types it: whatever would not work in the cloud is refused before it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from tests.project import Project, Tree
from toolkit.live.endpoint import Endpoints, Serving
from toolkit.specs.endpoint import Endpoint

MakeProject = Callable[[Tree], Project]
FILES: Tree = {
    "blue.yml": """
        name: blue
        endpoint_name: iris
        model: {path: model}
        code_configuration: {code: code, scoring_script: score.py}
        environment: {image: an/image, conda_file: env.yml}
        instance_type: Standard_DS3_v2
        """,
    "code": {"score.py": "def init(): ...\ndef run(data): ...\n"},
    "env.yml": "dependencies: [python=3.11]\n",
    "model": {"weights.txt": "2\n"},
    "endpoint.yml": "name: iris\nauth_mode: key\n",
    "other.yml": "name: rose\nauth_mode: key\n",
}


def deployed(project: Project, kind: Literal["managed", "kubernetes"]) -> Project:
    endpoints = Endpoints(project.path / ".aml-emu")
    endpoints.ensure(Endpoint(name="iris"), port=lambda: 1)
    serving = Serving(
        name="blue",
        kind=kind,
        file=project.path / "blue.yml",
        engine="docker",
        fingerprint="",
        replicas=(),
    )
    endpoints.change("iris", lambda state: replace(state, deployments={"blue": serving}))
    return project


def test_the_commands_name_the_files(project: MakeProject) -> None:
    here = deployed(project(FILES), "managed")
    told = here.run("promote", "iris", "--endpoint", "endpoint.yml").assert_success().out
    assert told.splitlines() == [
        "az ml online-endpoint create --file endpoint.yml",
        "az ml online-deployment create --endpoint-name iris --file blue.yml",
    ]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("gone.yml", "gone.yml"),
        (
            "other.yml",
            "error: other.yml: the endpoint is `rose`, and what is promoted is on `iris`",
        ),
    ],
)
def test_a_file_of_no_or_another_endpoint_is_refused(
    project: MakeProject, file: str, said: str
) -> None:
    outcome = deployed(project(FILES), "managed").run("promote", "iris", "--endpoint", file)
    assert said in outcome.assert_failed(2).err
    assert outcome.out == ""


def test_only_its_file_says_where_a_kubernetes_endpoint_runs(project: MakeProject) -> None:
    here = deployed(project(FILES), "kubernetes")
    outcome = here.run("promote", "iris").assert_failed(2)
    assert "only its file can name the `compute`" in outcome.err
    assert outcome.out == ""
    told = here.run("promote", "iris", "--endpoint", "endpoint.yml").assert_success().out
    assert told.startswith("az ml online-endpoint create --file endpoint.yml\n")
