from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.specs.asset_kind import AssetKind
from toolkit.specs.assets import Asset, load_asset

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/"


def load(folder: Path, text: str, tree: Tree | None = None, kind: AssetKind | None = None) -> Asset:
    write_tree(folder, {"asset.yml": text, **(tree or {})})
    return load_asset(folder / "asset.yml", kind=kind)


def test_a_data_asset(tmp_path: Path) -> None:
    text = f"""
    {SCHEMA}data.schema.json
    name: iris
    version: 2
    type: uri_file
    description: flowers
    tags: {{n: 3, empty: }}
    path: ./data/iris.csv
    """
    asset = load(tmp_path, text, {"data": {"iris.csv": "1"}})
    assert (asset.kind, asset.name, asset.version, asset.type) == ("data", "iris", "2", "uri_file")
    assert asset.path == tmp_path / "data" / "iris.csv"
    assert (asset.uri, asset.description, asset.tags) == ("", "flowers", {"n": "3", "empty": ""})


@pytest.mark.parametrize(
    "uri",
    [
        "https://x.blob.core.windows.net/d/iris.csv",
        "azureml://datastores/workspaceblobstore/paths/x",
        "wasbs://c@a/x",
        "runs:/one/model",
    ],
)
def test_what_lies_elsewhere_is_not_looked_for(tmp_path: Path, uri: str) -> None:
    asset = load(tmp_path, f"name: x\ntype: uri_folder\npath: {uri}\n")
    assert (asset.path, asset.uri) == (None, uri)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{SCHEMA}model.schema.json\nname: m\npath: f\n", "model"),
        (f"{SCHEMA}Model.schema.json\nname: m\npath: f\n", "model"),
        ("name: m\ntype: triton_model\npath: d\n", "model"),
        ("name: m\ntype: uri_folder\npath: d\n", "data"),
        ("name: m\ntype: URI_Folder\npath: d\n", "data"),
        ("name: m\ntype: Custom_Model\npath: f\n", "model"),
        (f"{SCHEMA}environment.schema.json\nimage: a\n", "environment"),
        ("name: e\nimage: python:3.11\n", "environment"),
        ("name: c\ntype: command\ncommand: echo\n", "component"),
        (f"{SCHEMA}commandComponent.schema.json\nname: c\ncommand: echo\n", "component"),
        ("name: c\ncommand: echo\ninputs: {a: {type: integer}}\n", "component"),
        ("name: c\ntype: pipeline\njobs: {}\n", "component"),
    ],
)
def test_the_kind_is_found(tmp_path: Path, text: str, kind: str) -> None:
    assert load(tmp_path, text, {"f": "x", "d": {"x": "x"}}).kind == kind


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("name: x\npath: f\n", ": data, a model, an environment or a component?", "write its"),
        (f"{SCHEMA}commandJob.schema.json\ncommand: x\n", ":1: no asset that can", "run it"),
        (f"{SCHEMA}managedOnlineDeployment.schema.json\n", ":1: no asset that can", "deploy it"),
        (f"{SCHEMA}compute.schema.json\n", ":1: no asset that can", "data, model"),
        ("command: echo\nname: x\ncompute: c\n", ": looks like a job", "run it"),
        ("command: echo\nname: x\ninputs: {a: 3}\n", ": looks like a job", "run it"),
        ("name: x\ntype: uri_file\npath: ff\n", ":3: nothing is there", "did you mean"),
        ("name: x\ntype: uri_file\npath: d\n", ":3: `uri_file` is a file, this is a folder", ""),
        (
            "name: x\ntype: uri_folder\npath: f\n",
            ":3: `uri_folder` is a folder, this is a file",
            "",
        ),
        ("name: x\ntype: mlflow_model\npath: d\n", ":3: `mlflow_model` needs a file `MLmodel`", ""),
        ("name: x\ntype: mltable\npath: d\n", ":3: `mltable` needs a file `MLTable`", ""),
        ("name: x\ntype: uri_file\npaht: f\n", ":3: unknown key `paht`", "did you mean `path`?"),
        ("name: x\ntype: uri_file\n", ": `path`: field required", ""),
        ("name: e\nimage: a\ncondafile: x\n", ":3: unknown key `condafile`", "did you mean `conda"),
        ("- a\n", ": data, a model, an environment or a component?", ""),
    ],
)
def test_what_is_wrong_names_its_line(tmp_path: Path, text: str, said: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text, {"f": "x", "d": {"x": "x"}})
    assert caught.value.message.startswith(f"{tmp_path / 'asset.yml'}")
    assert said in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_a_kind_that_is_given_decides(tmp_path: Path) -> None:
    assert load(tmp_path, "name: x\npath: f\n", {"f": "x"}, kind="model").type == "custom_model"
    assert load(tmp_path, "name: x\npath: d\n", {"d": {}}, kind="data").type == "uri_folder"
    with pytest.raises(SpecError, match="`type`"):
        load(tmp_path, "name: x\ntype: uri_file\npath: f\n", {"f": "x"}, kind="model")


def test_an_environment_needs_no_file_beside_it(tmp_path: Path) -> None:
    text = "name: e\nimage: python:3.11\nconda_file: env/conda.yml\ntags: {day: 2024-01-02}\n"
    asset = load(tmp_path, text, {"env": {"conda.yml": "dependencies:\n- python=3.11\n"}})
    assert asset.definition["conda_file"] == {"dependencies": ["python=3.11"]}
    assert asset.tags == {"day": "2024-01-02"}


def test_a_components_paths_are_absolute(tmp_path: Path) -> None:
    text = """
    name: train
    type: pipeline
    inputs: {code: {type: string, default: src}}
    jobs:
      one:
        type: command
        component: file:./other.yml
        inputs:
          data: {path: "${{parent.inputs.x}}"}
          named: {path: azureml:iris:1}
          here: {path: src}
      two:
        command: python x.py
        code: ./src
        environment: sklearn-1.5
    """
    asset = load(tmp_path, text, {"src": {"x.py": ""}, "other.yml": "a: b"})
    jobs = asset.definition["jobs"]
    assert jobs["one"]["component"] == str(tmp_path / "other.yml")
    assert jobs["one"]["inputs"] == {
        "data": {"path": "${{parent.inputs.x}}"},
        "named": {"path": "azureml:iris:1"},
        "here": {"path": str(tmp_path / "src")},
    }
    assert (jobs["two"]["code"], jobs["two"]["environment"]) == (
        str(tmp_path / "src"),
        "sklearn-1.5",
    )
    assert asset.definition["inputs"]["code"]["default"] == "src"
