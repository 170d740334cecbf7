from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.project import write_tree
from toolkit.dropin.azureml.core.dataset import Dataset, FileDataset, TabularDataset
from toolkit.dropin.azureml.core.datastore import Datastore
from toolkit.dropin.azureml.core.model import Model
from toolkit.dropin.azureml.core.run import Run
from toolkit.dropin.azureml.exceptions import (
    ModelNotFoundException,
    ModelPathNotFoundException,
    ServiceException,
    UserErrorException,
)
from toolkit.workspace.model import NewAsset
from toolkit.workspace.model import Run as Stored
from toolkit.workspace.workspace import Workspace


@pytest.fixture
def here(in_job: object) -> Any:
    """The workspace as the job sees it."""
    return Run.get_context().experiment.workspace


def test_a_model_from_the_runs_artifacts(
    here: Any, home: Path, workspace: Workspace, own: Stored
) -> None:
    run = Run.get_context()
    (home / "m.pkl").write_bytes(b"m")
    run.upload_file("outputs/m.pkl", "m.pkl")
    model = run.register_model("iris", "outputs/m.pkl", tags={"a": 1}, model_framework="SkLearn")
    assert (model.name, model.version, model.id, model.run_id) == ("iris", 1, "iris:1", own.name)
    stored = workspace.assets.get("model", "iris:1")
    assert (stored.tags, stored.properties) == ({"a": "1"}, {"model_framework": "SkLearn"})
    assert [each.id for each in Model.list(here)] == ["iris:1"]
    with pytest.raises(ModelPathNotFoundException, match=r"outputs/none .*outputs/m\.pkl"):
        run.register_model("iris", "outputs/none")


def test_models_from_the_jobs_disk(here: Any, home: Path, workspace: Workspace) -> None:
    write_tree(home, {"folder": {"deep": {"a": "a"}}, "one.pkl": "1"})
    Model.register(here, "folder", "many", description="d")
    Model.register(here, model_path="one.pkl", model_name="single")
    assert workspace.assets.get("model", "many").description == "d"
    assert not [*workspace.folder_of(Run.get_context().id).glob(".incoming/*")]
    folder = Path(Model.get_model_path("many"))
    assert (folder.as_posix(), (folder / "deep/a").read_text()) == (
        "azureml-models/many/1/folder",
        "a",
    )
    assert Model.get_model_path("single", _workspace=here) == "azureml-models/single/1/one.pkl"
    assert Path(Model(here, "single").download("there")).read_text() == "1"
    with pytest.raises(UserErrorException, match="exist_ok"):
        Model(here, "single").download("there")
    with pytest.raises(ModelPathNotFoundException):
        Model.register(here, "nowhere", "none")
    with pytest.raises(ModelNotFoundException):
        Model(here, "none")


@pytest.mark.parametrize("directory", ["azureml-models/iris/2", "azureml-models"])
def test_the_path_in_a_scoring_container(
    home: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    monkeypatch.delenv("AML_EMU_TRACKING", raising=False)
    write_tree(
        home, {"app": {"azureml-models": {"iris": {"2": {"m.pkl": ""}, "10": {"a": "", "b": ""}}}}}
    )
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(home / "app" / directory))
    root = home / "app/azureml-models/iris"
    assert Path(Model.get_model_path("iris")) == root / "10"
    assert Path(Model.get_model_path("iris", version=2)) == root / "2/m.pkl"
    with pytest.raises(ModelNotFoundException):
        Model.get_model_path("iris", version=3)


def test_datasets_are_data_assets(here: Any, home: Path, workspace: Workspace) -> None:
    write_tree(home, {"raw": {"a.bin": "a", "b": {"c.bin": "c"}}, "t.csv": "x,y\n1,2\n"})
    workspace.assets.register(
        NewAsset(kind="data", name="raw", type="uri_folder", path=home / "raw")
    )
    workspace.assets.register(NewAsset(kind="data", name="t", type="uri_file", path=home / "t.csv"))
    files = Dataset.get_by_name(here, "raw")
    assert isinstance(files, FileDataset)
    assert files.to_path() == ["/a.bin", "/b/c.bin"]
    files.download("there")
    assert (home / "there/b/c.bin").read_text() == "c"
    with pytest.raises(UserErrorException, match="overwrite"):
        files.download("there")
    with files.mount() as context:
        assert (Path(context.mount_point) / "a.bin").read_text() == "a"
    table = Dataset.get_by_name(here, "t", version=1)
    assert isinstance(table, TabularDataset)
    assert Path(table.download("table")[0]).read_text() == "x,y\n1,2\n"
    assert set(here.datasets) == {"raw", "t"}
    with pytest.raises(UserErrorException, match="Cannot find"):
        Dataset.get_by_name(here, "none")


def test_the_default_datastore_is_a_folder(here: Any, home: Path, workspace: Workspace) -> None:
    write_tree(home, {"src": {"a": "1", "b": {"c": "2"}}})
    store = here.get_default_datastore()
    store.upload("src", target_path="in")
    assert (workspace.data_folder / "in/b/c").read_text() == "2"
    assert store.download("back", prefix="in") == 2
    assert (home / "back/in/b/c").read_text() == "2"
    with pytest.raises(UserErrorException, match=r"no datastore `none`.*\[datastores\]"):
        Datastore.get(here, "none")


def test_what_is_on_a_datastore_already_is_left_as_it_is(
    here: Any, home: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(home, {"src": {"a": "1"}})
    store = here.get_default_datastore()
    assert str(store.upload("src", "in")) == "$AZUREML_DATAREFERENCE_in"
    write_tree(home, {"src": {"a": "2", "b": "3"}})
    store.upload("src", "in")
    assert (workspace.data_folder / "in/a").read_text() == "1"
    assert "Target already exists. Skipping upload for in/a" in capsys.readouterr().out
    store.upload("src", "in", overwrite=True, show_progress=False)
    assert (workspace.data_folder / "in/a").read_text() == "2"
    assert capsys.readouterr().out == ""
    with pytest.raises(UserErrorException, match="not a folder: nowhere"):
        store.upload("nowhere")


def test_the_default_datastore_is_there_from_the_start(here: Any) -> None:
    assert Datastore.get(here, "workspaceblobstore").name == "workspaceblobstore"


def test_models_by_their_tags_and_properties(here: Any, home: Path) -> None:
    (home / "m").write_text("m")
    for number, tags in enumerate(({"kind": "a"}, {"kind": "b"}, {"kind": "a", "best": "1"})):
        Model.register(here, "m", "iris", tags=tags, properties={"number": number})
    assert [each.version for each in Model.list(here, tags=[["kind", "a"]])] == [3, 1]
    assert [each.version for each in Model.list(here, tags=["best", ["kind", "a"]])] == [3]
    assert [each.version for each in Model.list(here, properties=[["number", 1]])] == [2]
    assert Model(here, "iris", tags=[["kind", "b"]]).version == 2
    with pytest.raises(ModelNotFoundException, match=r"kind.*c"):
        Model(here, "iris", tags=[["kind", "c"]])


@pytest.mark.parametrize("version", ["007", "1.0", "7"])
def test_a_version_is_found_again_by_what_it_says(
    here: Any, home: Path, workspace: Workspace, version: str
) -> None:
    (home / "m").write_text("m")
    workspace.assets.register(
        NewAsset(kind="model", name="m", version=version, path=home / "m", copied=True)
    )
    model = Model(here, "m")
    assert Model(here, id=model.id).version == model.version
    assert Path(model.download("there")).read_text() == "m"


def test_only_what_is_not_there_is_the_scripts_mistake(
    in_job: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZUREML_RUN_TOKEN", "of.another.process")
    run = Run.get_context()
    for asked in (
        lambda: Dataset.get_by_name(run.experiment.workspace, "none"),
        lambda: Datastore.get(run.experiment.workspace, "none"),
        lambda: run.download_file("none"),
    ):
        with pytest.raises(ServiceException, match="not a token"):
            asked()
