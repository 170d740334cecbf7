from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import NameTaken, SpecError
from toolkit.settings import Settings
from toolkit.specs.assets import load_asset
from toolkit.specs.component import component_of
from toolkit.specs.environment import CondaEnvironment, load_environment
from toolkit.specs.yamlfile import load_yaml
from toolkit.workspace.data import DataLocator
from toolkit.workspace.download import DownloadFailed
from toolkit.workspace.model import AssetVersion, NewRun
from toolkit.workspace.registration import register
from toolkit.workspace.workspace import Workspace


def no_network(url: str) -> Path:
    raise DownloadFailed(f"cannot be downloaded: {url}")


def registered(workspace: Workspace, tree: Tree, **given: str) -> AssetVersion:
    project = workspace.state_folder.parent
    write_tree(project, tree)
    locator = DataLocator(
        workspace=workspace, settings=Settings(project=project), download=no_network
    )
    asset = load_asset(project / "asset.yml")
    return register(asset, workspace=workspace, locator=locator, **given)


def test_a_model_that_a_run_left_is_copied(workspace: Workspace) -> None:
    workspace.runs.create(NewRun(experiment="iris", name="one"))
    write_tree(workspace.folder_of("one") / "artifacts" / "model", {"MLmodel": "flavors: {}"})
    text = (
        "name: clf\ntype: mlflow_model\npath: azureml://jobs/one/outputs/artifacts/paths/model/\n"
    )
    found = registered(workspace, {"asset.yml": text})
    assert found.path == workspace.state_folder / "models" / "clf" / "1" / "model"
    assert (found.path / "MLmodel").is_file()
    assert found.uri.startswith("azureml://jobs/one/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: m\ntype: custom_model\npath: runs:/none/model\n",
            ":3: no run of that name: `none`",
        ),
        ("name: m\ntype: custom_model\npath: runs:/one/gone\n", ":3: nothing is there"),
        ("name: m\ntype: mlflow_model\npath: runs:/one/x\n", ":3: `mlflow_model` needs a file"),
        ("name: a/b\ntype: uri_folder\npath: .\n", ":1: not a name for an asset: `a/b`"),
        ("type: uri_folder\npath: .\n", ":1: no `name`"),
        ("name: m\nversion: 1/2\ntype: uri_folder\npath: .\n", "not a version of `m`: `1/2`"),
    ],
)
def test_what_is_wrong_names_the_line(workspace: Workspace, text: str, said: str) -> None:
    workspace.runs.create(NewRun(experiment="iris", name="one"))
    write_tree(workspace.folder_of("one") / "artifacts" / "x", {"a": "a"})
    with pytest.raises(SpecError) as caught:
        registered(workspace, {"asset.yml": text})
    assert caught.value.message.startswith(str(workspace.state_folder.parent / "asset.yml:"))
    assert said in caught.value.message


def test_what_is_given_overrides_the_file(workspace: Workspace) -> None:
    tree: Tree = {
        "asset.yml": "name: iris\nversion: 1\ntype: uri_file\npath: a.csv\n",
        "a.csv": "1",
    }
    found = registered(workspace, tree, name="flowers", version="7")
    assert found.reference == "azureml:flowers:7"


def test_an_environment_is_read_again_without_its_files(workspace: Workspace) -> None:
    tree: Tree = {
        "asset.yml": "name: sk\nimage: python:3.11\nconda_file: conda.yml\n",
        "conda.yml": "dependencies:\n- python=3.11\n- pip:\n  - numpy==2.0\n",
    }
    found = registered(workspace, tree)
    (workspace.state_folder.parent / "conda.yml").unlink()
    assert found.path is not None
    environment = load_environment(found.path)
    assert isinstance(environment, CondaEnvironment)
    assert [one.text for one in environment.pip] == ["numpy==2.0"]
    assert environment.base == "python:3.11"


def test_a_component_is_read_again_from_its_copy(workspace: Workspace) -> None:
    text = "name: train\nversion: 3\ntype: command\ncode: src\ncommand: python x.py\n"
    found = registered(workspace, {"asset.yml": text, "src": {"x.py": ""}}, name="fit")
    assert (found.name, found.version, found.type) == ("fit", "3", "command")
    assert found.path is not None
    component = component_of(load_yaml(found.path, what="component"))
    assert component.name == "fit"
    assert getattr(component, "code", None) == str(workspace.state_folder.parent / "src")
    changed = text.replace("x.py\n", "y.py\n")
    with pytest.raises(NameTaken, match="the component `fit:3` exists"):
        registered(workspace, {"asset.yml": changed}, name="fit")
