from __future__ import annotations

import re

import pytest

from toolkit.errors import NameTaken, NotFound, SpecError
from toolkit.workspace.model import NewRun
from toolkit.workspace.workspace import Workspace


def test_a_name_is_one_experiment(workspace: Workspace) -> None:
    first = workspace.experiments.get_or_create("iris")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first.id)
    assert workspace.experiments.get_or_create("iris") == first
    assert workspace.experiments.get(first.id) == first
    assert workspace.experiments.by_name("iris") == first
    with pytest.raises(SpecError):
        workspace.experiments.get_or_create("  ")


def test_an_unknown_one_names_the_nearest(workspace: Workspace) -> None:
    workspace.experiments.get_or_create("iris")
    with pytest.raises(NotFound) as caught:
        workspace.experiments.by_name("irs")
    assert caught.value.hint == "did you mean `iris`?"
    with pytest.raises(NotFound):
        workspace.experiments.get("nothing")
    with pytest.raises(NotFound):
        workspace.experiments.tag("nothing", {"a": "b"})


def test_a_new_name_takes_the_runs_along(workspace: Workspace) -> None:
    iris = workspace.experiments.get_or_create("iris")
    workspace.experiments.get_or_create("rose")
    workspace.runs.create(NewRun(experiment="iris", name="one"))
    with pytest.raises(NameTaken):
        workspace.experiments.rename(iris.id, "rose")
    renamed = workspace.experiments.rename(iris.id, "lily")
    assert (renamed.name, renamed.id) == ("lily", iris.id)
    assert renamed.updated >= iris.updated
    assert workspace.runs.get("one").experiment == "lily"


def test_deleting_can_be_undone(workspace: Workspace) -> None:
    iris = workspace.experiments.get_or_create("iris")
    assert workspace.experiments.delete(iris.id).archived
    assert workspace.experiments.list() == []
    assert [each.id for each in workspace.experiments.list(archived=None)] == [iris.id]
    assert not workspace.experiments.restore(iris.id).archived


def test_tags_change_and_go(workspace: Workspace) -> None:
    iris = workspace.experiments.get_or_create("iris")
    workspace.experiments.tag(iris.id, {"a": "1", "b": "2"})
    assert workspace.experiments.tag(iris.id, {"a": None}).tags == {"b": "2"}


def test_documents_are_kept_by_kind_and_id(workspace: Workspace) -> None:
    documents = workspace.documents
    documents.put("logged_model", "m-1", {"name": "a", "n": [1]})
    documents.put("logged_model", "m-2", {"name": "b"})
    documents.put("other", "m-1", {})
    documents.put("logged_model", "m-1", {"name": "c"})
    assert documents.find("logged_model", "m-1") == {"name": "c"}
    assert documents.find("logged_model", "m-9") is None
    assert documents.merge("logged_model", "m-2", {"x": 1}) == {"name": "b", "x": 1}
    assert documents.list("logged_model") == [{"name": "c"}, {"name": "b", "x": 1}]
    documents.delete("logged_model", "m-1")
    documents.delete("logged_model", "m-1")
    assert documents.list("logged_model") == [{"name": "b", "x": 1}]
    with pytest.raises(NotFound):
        documents.merge("logged_model", "m-1", {})


def test_a_workspace_keeps_its_id(workspace: Workspace) -> None:
    assert workspace.name == "iris"
    with Workspace.open(workspace.state_folder) as again:
        assert again.id == workspace.id
