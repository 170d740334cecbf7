from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import write_tree
from toolkit.live.tracking.artifacts import (
    Artifacts,
    check_no_way_out,
    entries_in,
    files_in,
    find_in,
)
from toolkit.live.tracking.failures import Refused

WAYS_OUT = ["../secret", "a/../../secret", "/etc/passwd", "a\\..\\secret", "a\0b"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tree(
        tmp_path,
        {
            "secret": "s",
            "run": {
                "artifacts": {
                    "plot.png": "p",
                    "model": {"MLmodel": "m"},
                    "outputs": {"b": "logged"},
                },
                "outputs": {"a": "left", "b": "left"},
                "user_logs": {"std_log.txt": "l"},
                "logs": {},
                "code": {"train.py": "c"},
            },
        },
    )
    return tmp_path / "run"


def test_one_list_of_what_was_logged_and_left(folder: Path) -> None:
    assert list(Artifacts(folder).files()) == [
        "model/MLmodel",
        "outputs/a",
        "outputs/b",
        "plot.png",
        "user_logs/std_log.txt",
    ]


def test_folders_without_files_and_the_code_are_not_listed(folder: Path) -> None:
    names = {entry.path for entry in Artifacts(folder).entries()}
    assert names == {"model", "outputs", "plot.png", "user_logs"}


def test_what_was_logged_comes_before_what_was_left(folder: Path) -> None:
    assert Artifacts(folder).find("outputs/b").read_text() == "logged"
    assert Artifacts(folder).find("outputs/a").read_text() == "left"


@pytest.mark.parametrize("path", ["nothing", "code/train.py", "plot.png/x"])
def test_what_is_not_there_is_missing(folder: Path, path: str) -> None:
    with pytest.raises(Refused) as refused:
        Artifacts(folder).find(path)
    assert refused.value.status == 404


@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_path_leads_out(folder: Path, path: str) -> None:
    artifacts = Artifacts(folder)
    for use in (artifacts.find, artifacts.target, artifacts.entries, artifacts.remove):
        with pytest.raises(Refused) as refused:
            use(path)
        assert refused.value.status == 400
    with pytest.raises(Refused):
        find_in(folder, path)


def test_links_that_lead_out_are_not_followed(folder: Path) -> None:
    (folder / "outputs" / "link").symlink_to(folder.parent / "secret")
    (folder / "artifacts" / "away").symlink_to(folder.parent)
    (folder / "outputs" / "inside").symlink_to("a")
    artifacts = Artifacts(folder)
    for path in ("outputs/link", "away/secret", "away"):
        with pytest.raises(Refused):
            artifacts.find(path)
    with pytest.raises(Refused):
        artifacts.target("away/new")
    assert not (folder.parent / "new").exists()
    assert [entry.path for entry in artifacts.entries("outputs")] == [
        "outputs/a",
        "outputs/b",
        "outputs/inside",
    ]


def test_a_model_with_a_link_out_is_not_copied(folder: Path) -> None:
    check_no_way_out(folder / "artifacts" / "model")
    (folder / "artifacts" / "model" / "weights").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="leads out"):
        check_no_way_out(folder / "artifacts" / "model")


def test_a_target_has_its_folder_and_is_none(folder: Path) -> None:
    artifacts = Artifacts(folder)
    assert artifacts.target("new/deep/file").parent.is_dir()
    for path in ("", "model", "plot.png/below"):
        with pytest.raises(Refused):
            artifacts.target(path)


def test_only_what_was_logged_can_be_removed(folder: Path) -> None:
    artifacts = Artifacts(folder)
    artifacts.remove("plot.png")
    assert not artifacts.has("plot.png")
    with pytest.raises(Refused):
        artifacts.remove("outputs/a")


def test_files_of_an_asset(folder: Path) -> None:
    assert files_in(folder / "artifacts" / "plot.png") == [("plot.png", 1)]
    assert files_in(folder / "outputs") == [("a", 4), ("b", 4)]
    assert [entry.path for entry in entries_in(folder, "outputs")] == ["outputs/a", "outputs/b"]


def test_a_folder_that_leads_to_itself_ends(folder: Path) -> None:
    (folder / "outputs/again").symlink_to(".")
    (folder / "outputs/up").symlink_to("../outputs")
    assert list(Artifacts(folder).files("outputs")) == ["outputs/a", "outputs/b"]
