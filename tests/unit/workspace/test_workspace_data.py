from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.project import write_tree
from toolkit.errors import NotFound, SpecError
from toolkit.settings import Settings
from toolkit.workspace.data import DataLocator
from toolkit.workspace.model import NewAsset, NewRun
from toolkit.workspace.workspace import Workspace

STORE = "azureml://datastores/workspaceblobstore/paths"
LONG = "azureml://subscriptions/s/resourceGroups/r/workspaces/w"


def locator(
    workspace: Workspace,
    *,
    datastores: Mapping[str, Path] | None = None,
    urls: Mapping[str, Path] | None = None,
) -> DataLocator:
    settings = Settings(
        project=workspace.state_folder.parent, datastores=datastores or {}, urls=urls or {}
    )
    return DataLocator(
        workspace=workspace, settings=settings, download=lambda url: Path("/downloaded") / url
    )


def located(workspace: Workspace, reference: str, folder: Path = Path("/nowhere")) -> Path:
    return locator(workspace).locate(reference, folder=folder, must_exist=False)


def test_a_path_counts_from_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    assert located(workspace, "data/a.csv", tmp_path) == tmp_path / "data" / "a.csv"
    assert located(workspace, "file:a.csv", tmp_path) == tmp_path / "a.csv"
    assert located(workspace, "file:///a.csv", tmp_path) == Path("/a.csv")
    assert located(workspace, "/abs/a.csv", tmp_path) == Path("/abs/a.csv")


def test_the_default_datastore_is_a_folder_of_the_workspace(workspace: Workspace) -> None:
    data = workspace.state_folder / "data"
    assert located(workspace, f"{STORE}/a/b.csv") == data / "a" / "b.csv"
    assert located(workspace, f"{STORE}/a/") == data / "a"
    assert located(workspace, f"{STORE}/") == data
    assert located(workspace, STORE.removesuffix("/paths")) == data
    assert located(workspace, f"{LONG}/datastores/workspaceblobstore/paths/x") == data / "x"
    assert data.is_dir()


def test_a_named_datastore_is_the_folder_of_the_settings(
    workspace: Workspace, tmp_path: Path
) -> None:
    folders = {"lake": tmp_path / "lake", "workspaceblobstore": tmp_path / "blob"}
    found = locator(workspace, datastores=folders)

    def at(reference: str) -> Path:
        return found.locate(reference, folder=tmp_path, must_exist=False)

    assert at("azureml://datastores/lake/paths/x") == tmp_path / "lake" / "x"
    assert at(f"{STORE}/x") == tmp_path / "blob" / "x"
    with pytest.raises(NotFound) as caught:
        at("azureml://datastores/lak/paths/x")
    assert caught.value.message == "no folder stands for the datastore `lak`"
    assert caught.value.hint.endswith("did you mean `lake`?")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd"])
def test_no_path_leads_out_of_a_datastore(workspace: Workspace, path: str) -> None:
    with pytest.raises(SpecError, match="leads out of its place"):
        located(workspace, f"{STORE}/{path}")


def test_what_a_run_left_is_found(workspace: Workspace, tmp_path: Path) -> None:
    workspace.runs.create(NewRun(experiment="a", name="one"))
    workspace.runs.update("one", outputs={"model": tmp_path / "m"})
    folder = workspace.folder_of("one")
    for reference, path in {
        "azureml://jobs/one/outputs/model": tmp_path / "m",
        "azureml://jobs/one/outputs/model/paths/sub/x": tmp_path / "m" / "sub" / "x",
        f"{LONG}/jobs/one/outputs/model/paths/": tmp_path / "m",
        "azureml://jobs/one/outputs/artifacts/paths/model/": folder / "artifacts" / "model",
        "azureml://jobs/one/outputs/artifacts/paths/outputs/x": folder / "outputs" / "x",
        "runs:/one/model": folder / "artifacts" / "model",
        "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.one/outputs/x": folder
        / "outputs"
        / "x",
    }.items():
        assert located(workspace, reference) == path


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("azureml://jobs/two/outputs/model", "no run of that name: `two`"),
        ("runs:/two/model", "no run of that name: `two`"),
        ("azureml://jobs/one/outputs/modle", "run `one` has no output `modle`"),
        ("azureml:nothing:1", "no data of that name is registered: `nothing`"),
        ("azureml://registries/azureml/data/x/versions/1", "in the registry `azureml`"),
    ],
)
def test_what_is_not_there_is_told(workspace: Workspace, reference: str, said: str) -> None:
    workspace.runs.create(NewRun(experiment="a", name="one"))
    with pytest.raises(NotFound) as caught:
        located(workspace, reference)
    assert said in caught.value.message


def test_assets_are_found_by_kind_in_turn(workspace: Workspace, tmp_path: Path) -> None:
    write_tree(tmp_path, {"m": {"x": "x"}, "d.csv": "1"})
    for kind, path in (("model", tmp_path / "m"), ("data", tmp_path / "d.csv")):
        workspace.assets.register(NewAsset(kind=kind, name=kind, path=path))  # type: ignore[arg-type]  # as given
    workspace.assets.register(NewAsset(kind="data", name="far", uri=f"{STORE}/far.csv"))
    assert located(workspace, "azureml:data@latest") == tmp_path / "d.csv"
    assert located(workspace, "azureml:model:1") == tmp_path / "m"
    assert located(workspace, "azureml:far") == workspace.data_folder / "far.csv"


def test_a_url_goes_through_the_longest_prefix(workspace: Workspace, tmp_path: Path) -> None:
    found = locator(
        workspace,
        urls={"https://a/": tmp_path / "a", "https://a/b/": tmp_path / "b", "wasbs://c": tmp_path},
    )

    def at(url: str) -> Path:
        return found.locate(url, folder=tmp_path, must_exist=False)

    assert at("https://a/x.csv?sv=1&sig=2") == tmp_path / "a" / "x.csv"
    assert at("https://a/b/x") == tmp_path / "b" / "x"
    assert at("wasbs://c/x") == tmp_path / "x"
    assert at("https://other/x") == Path("/downloaded/https://other/x")
    with pytest.raises(SpecError, match="leads out"):
        at("https://a/../x")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("wasbs://c@a.blob.core.windows.net/x", "lies in an Azure storage account"),
        ("abfss://c@a.dfs.core.windows.net/x", "lies in an Azure storage account"),
        ("https://example.org/folder/", "a folder cannot be downloaded over http"),
        ("s3://bucket/x", "not a place that can be found"),
        ("azureml:a:b:c", "not a reference"),
    ],
)
def test_what_cannot_be_reached_says_what_to_write(
    workspace: Workspace, reference: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        located(workspace, reference)
    assert caught.value.hint


def test_what_must_exist_names_the_nearest_file(workspace: Workspace, tmp_path: Path) -> None:
    write_tree(tmp_path, {"iris.csv": "1"})
    found = locator(workspace)
    assert found.locate("iris.csv", folder=tmp_path) == tmp_path / "iris.csv"
    with pytest.raises(NotFound) as caught:
        found.locate("iris.cvs", folder=tmp_path)
    assert caught.value.message == f"nothing is there: {tmp_path / 'iris.cvs'}"
    assert caught.value.hint == f"did you mean `{tmp_path / 'iris.csv'}`?"
