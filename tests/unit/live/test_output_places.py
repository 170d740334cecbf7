"""Where a job's outputs land."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.live.inputs import output_places
from toolkit.plans.output_path import is_of_its_run, with_datastore, with_names
from toolkit.settings import Settings
from toolkit.specs.environment import ImageEnvironment
from toolkit.specs.inputs import Output
from toolkit.specs.job import CommandJob
from toolkit.workspace.data import DataLocator
from toolkit.workspace.workspace import Workspace

JOB = CommandJob(command="x", environment=ImageEnvironment(name="e", image="i"))


def places(tmp_path: Path, path: str | None) -> dict[str, Path]:
    workspace = Workspace.open(tmp_path / ".aml-emu")
    locator = DataLocator(
        workspace=workspace, settings=Settings(project=tmp_path), download=lambda _: tmp_path
    )
    folder = workspace.folder_of("brave_run")
    outputs = {"out": Output.model_validate({"path": path})}
    return output_places(outputs, folder=folder, locator=locator, given={}, job=JOB)


def test_in_the_runs_folder_or_where_the_path_says(tmp_path: Path) -> None:
    state = tmp_path / ".aml-emu"
    [own] = places(tmp_path, None).values()
    assert own.is_relative_to(state / "runs/brave_run")
    path = "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{ output_name }}"
    assert places(tmp_path, path) == {"out": state / "data/brave_run/out"}


@pytest.mark.parametrize(
    ("datastore", "found"),
    [(None, "workspaceblobstore"), ("azureml:mine", "mine"), ("mine", "mine")],
)
def test_the_datastore_that_a_pipeline_names(datastore: str | None, found: str) -> None:
    assert with_datastore("a/${{ default_datastore }}/b", datastore) == f"a/{found}/b"


def test_what_is_known_is_put_in_and_the_rest_stays() -> None:
    text = "${{name}}/${{output_name}}/${{inputs.x}}"
    assert with_names(text, run="r", output="o") == "r/o/${{inputs.x}}"
    assert is_of_its_run(text)
    assert not is_of_its_run("p/${{output_name}}")
