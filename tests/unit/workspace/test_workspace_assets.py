from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.project import write_tree
from toolkit.errors import NameTaken, NotFound, SpecError
from toolkit.workspace.model import AssetVersion, NewAsset
from toolkit.workspace.workspace import Workspace


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"trained": {"weights.bin": b"1", "sub": {"a.txt": "a"}}})
    return tmp_path / "trained"


def registered(
    workspace: Workspace, path: Path, name: str = "clf", version: str | None = None
) -> AssetVersion:
    return workspace.assets.register(
        NewAsset(
            kind="model", name=name, version=version, path=path, copied=True, type="custom_model"
        )
    )


def test_a_model_is_a_copy(workspace: Workspace, model: Path) -> None:
    found = registered(workspace, model)
    assert found.path == workspace.state_folder / "models" / "clf" / "1" / "trained"
    (model / "weights.bin").write_bytes(b"trained again")
    assert (found.path / "weights.bin").read_bytes() == b"1"
    assert (found.path / "sub" / "a.txt").is_file()
    assert found.reference == "azureml:clf:1"


def test_a_model_of_one_file_keeps_its_name(workspace: Workspace, model: Path) -> None:
    found = registered(workspace, model / "weights.bin")
    assert found.path == workspace.state_folder / "models" / "clf" / "1" / "weights.bin"
    assert found.path.read_bytes() == b"1"


def test_versions_count_up_and_latest_is_the_last(workspace: Workspace, model: Path) -> None:
    assert registered(workspace, model).version == "1"
    assert registered(workspace, model, version="7").version == "7"
    assert registered(workspace, model, version="beta").version == "beta"
    assert registered(workspace, model).version == "8"
    assert registered(workspace, model, version="2").labels == {"latest"}
    listed = workspace.assets.list("model", "clf")
    assert [each.version for each in listed] == ["2", "8", "beta", "7", "1"]
    assert [each.version for each in listed if "latest" in each.labels] == ["2"]


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("clf", "2"),
        ("clf:1", "1"),
        ("azureml:clf:1", "1"),
        ("clf@latest", "2"),
        ("azureml:clf@latest", "2"),
        ("azureml:clf@prod", "1"),
        ("azureml:/subscriptions/s/resourceGroups/r/workspaces/w/models/clf/versions/1", "1"),
        ("azureml://locations/eu/workspaces/w/models/clf/labels/prod", "1"),
    ],
)
def test_every_reference_finds_its_version(
    workspace: Workspace, model: Path, reference: str, version: str
) -> None:
    registered(workspace, model)
    registered(workspace, model)
    workspace.assets.label("model", "clf", "1", "prod")
    assert workspace.assets.get("model", reference).version == version


@pytest.mark.parametrize(
    ("reference", "said", "hint"),
    [
        ("clf:9", "the model `clf` has no version `9`", "there is `clf:1`"),
        ("clf@prod", "the model `clf` has no version `@prod`", "there is `clf:1`"),
        ("clff", "no model of that name is registered: `clff`", "did you mean `clf`?"),
        ("zzz", "no model of that name is registered: `zzz`", "register it"),
        ("azureml://registries/azureml/models/x/versions/1", "the registry `azureml`", "register"),
    ],
)
def test_what_is_not_there_is_told(
    workspace: Workspace, model: Path, reference: str, said: str, hint: str
) -> None:
    registered(workspace, model)
    with pytest.raises(NotFound) as caught:
        workspace.assets.get("model", reference)
    assert said in caught.value.message
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("reference", ["", "a b", "clf:", "clf@", "azureml:", "a:b:c", "./clf"])
def test_what_is_no_reference_is_refused(workspace: Workspace, reference: str) -> None:
    with pytest.raises(SpecError, match="not a reference to a registered model"):
        workspace.assets.get("model", reference)


def test_the_same_content_is_the_same_version(workspace: Workspace, model: Path) -> None:
    first = registered(workspace, model, version="1")
    again = registered(workspace, model, version="1")
    assert again == first
    assert len(workspace.assets.list()) == 1


@pytest.mark.parametrize("change", ["content", "name", "extra", "empty folder"])
def test_other_content_does_not_replace_a_version(
    workspace: Workspace, model: Path, change: str
) -> None:
    first = registered(workspace, model, version="1")
    match change:
        case "content":
            (model / "weights.bin").write_bytes(b"2")
        case "name":
            (model / "weights.bin").rename(model / "w.bin")
        case "extra":
            (model / "more").write_bytes(b"")
        case "empty folder":
            (model / "more").mkdir()
    with pytest.raises(NameTaken, match="the model `clf:1` exists and is something else"):
        registered(workspace, model, version="1")
    assert first.path is not None
    assert (first.path / "weights.bin").read_bytes() == b"1"
    assert _staging(workspace) == []


@pytest.mark.parametrize(("name", "version"), [("CLF", "1"), ("clf", "V"), ("clf", "v")])
def test_names_are_told_apart_as_folders_are(
    workspace: Workspace, model: Path, name: str, version: str
) -> None:
    registered(workspace, model, version="1")
    registered(workspace, model, version="v")
    if (name, version) == ("clf", "v"):
        assert registered(workspace, model, name, version).version == "v"
        return
    with pytest.raises(NameTaken):
        registered(workspace, model, name, version)


@pytest.mark.parametrize(
    ("name", "version"), [("a/b", None), ("..", None), ("a b", None), ("a", "1/2"), ("a", "")]
)
def test_a_name_that_is_no_folder_is_refused(
    workspace: Workspace, model: Path, name: str, version: str | None
) -> None:
    with pytest.raises(SpecError):
        registered(workspace, model, name, version)
    assert workspace.assets.list() == []


def test_a_path_that_is_not_there_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the model's path is not there"):
        registered(workspace, tmp_path / "gone")
    assert workspace.assets.list() == []
    assert _staging(workspace) == []


def test_what_a_killed_process_left_is_replaced(workspace: Workspace, model: Path) -> None:
    folder = workspace.state_folder / "models" / "clf" / "1"
    write_tree(folder, {"half": {"a": "written"}})
    found = registered(workspace, model)
    assert found.path == folder / "trained"
    assert not (folder / "half").exists()


def test_what_a_killed_process_began_is_swept_a_day_later(
    workspace: Workspace, model: Path
) -> None:
    old, young = (workspace.state_folder / "assets" / f".staging-{name}" for name in "ab")
    for folder in (old, young):
        write_tree(folder, {"half": "a copy"})
    os.utime(old, (1, 1))
    registered(workspace, model)
    assert _staging(workspace) == [young]


def test_data_is_only_referred_to(workspace: Workspace, model: Path) -> None:
    data = NewAsset(kind="data", name="iris", path=model, type="uri_folder", tags={"a": "b"})
    found = workspace.assets.register(data)
    assert (found.path, found.uri, found.tags) == (model, "", {"a": "b"})
    workspace.assets.delete("data", "iris", "1")
    assert model.is_dir()
    far = workspace.assets.register(NewAsset(kind="data", name="far", uri="https://x/y.csv"))
    assert (far.path, far.uri) == (None, "https://x/y.csv")


def test_a_component_is_its_definition(workspace: Workspace) -> None:
    definition = {"name": "train", "command": "python x.py"}
    new = NewAsset(kind="component", name="train", version="1", definition=definition)
    found = workspace.assets.register(new)
    assert found.definition == definition
    assert found.path is not None
    assert found.path.name == "component.yml"
    assert '"command": "python x.py"' in found.path.read_text("utf-8")
    with pytest.raises(NameTaken):
        workspace.assets.register(
            NewAsset(kind="component", name="train", version="1", definition={"command": "y"})
        )


def test_kinds_have_names_of_their_own(workspace: Workspace, model: Path) -> None:
    registered(workspace, model, "x")
    workspace.assets.register(NewAsset(kind="data", name="x", path=model))
    assert {each.kind for each in workspace.assets.list()} == {"data", "model"}
    assert [each.kind for each in workspace.assets.list("data")] == ["data"]


def test_a_label_has_one_version(workspace: Workspace, model: Path) -> None:
    registered(workspace, model)
    registered(workspace, model)
    workspace.assets.label("model", "clf", "1", "prod")
    found = workspace.assets.label("model", "clf", "2", "prod")
    assert found.labels == {"latest", "prod"}
    assert workspace.assets.get("model", "clf:1").labels == set()
    workspace.assets.unlabel("model", "clf", "prod")
    with pytest.raises(NotFound):
        workspace.assets.get("model", "clf@prod")
    with pytest.raises(SpecError):
        workspace.assets.label("model", "clf", "1", "latest")
    with pytest.raises(NotFound):
        workspace.assets.label("model", "clf", "9", "prod")


def test_an_archived_version_is_found_by_its_own_reference(
    workspace: Workspace, model: Path
) -> None:
    registered(workspace, model)
    registered(workspace, model)
    workspace.assets.archive("model", "clf", "2")
    assert workspace.assets.get("model", "clf@latest").version == "1"
    assert workspace.assets.get("model", "clf:2").archived
    assert [each.version for each in workspace.assets.list()] == ["1"]
    assert [each.version for each in workspace.assets.list(archived=True)] == ["2"]
    assert registered(workspace, model).version == "3"


def test_what_is_said_of_a_version_can_change(workspace: Workspace, model: Path) -> None:
    registered(workspace, model)
    found = workspace.assets.update("model", "clf", "1", description="d", tags={"a": "1"})
    assert (found.description, found.tags) == ("d", {"a": "1"})
    assert workspace.assets.update("model", "clf", "1").tags == {"a": "1"}


def test_deleting_removes_the_copy(workspace: Workspace, model: Path) -> None:
    found = registered(workspace, model)
    workspace.assets.label("model", "clf", "1", "prod")
    workspace.assets.delete("model", "clf", "1")
    assert found.path is not None
    assert not found.path.exists()
    assert model.is_dir()
    assert registered(workspace, model).labels == {"latest"}
    with pytest.raises(NotFound):
        workspace.assets.delete("model", "clf", "5")


def _staging(workspace: Workspace) -> list[Path]:
    return list((workspace.state_folder / "assets").glob(".staging-*"))
