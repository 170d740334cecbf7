"""What is kept of launches, read while others are at work on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.engines.process.cachefolder import locked
from toolkit.engines.process.records import LaunchFolder, Record, claim_lock, launches


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A folder that a command has made and not locked: it was killed, or is about to."""
    folder = tmp_path / "run" / ".new-0badcafe"
    folder.mkdir(parents=True)
    return folder


def test_what_a_killed_command_began_is_swept(begun: Path) -> None:
    assert list(launches(begun.parent)) == []
    assert not begun.exists()


def test_what_a_command_begins_just_now_is_left_alone(begun: Path) -> None:
    with locked(claim_lock(begun.parent)):
        assert list(launches(begun.parent)) == []
        assert begun.exists()


def test_what_is_begun_and_held_is_left_alone(begun: Path) -> None:
    with locked(begun / "lock"):
        assert list(launches(begun.parent)) == []
        assert begun.exists()


def test_where_nothing_was_launched_there_is_nothing(tmp_path: Path) -> None:
    assert list(launches(tmp_path / "run")) == []


def test_the_bytecode_of_a_launchs_own_files_goes_with_it(tmp_path: Path) -> None:
    folder = LaunchFolder(tmp_path / "cache/run/pe-1")
    volume = tmp_path / "cache/volumes/pyc-iris"
    mounted = tmp_path / "elsewhere"
    for place in (folder.root, *(each / str(folder.root)[1:] for each in (volume, mounted))):
        place.mkdir(parents=True)
    (volume / "usr").mkdir()
    paths = {"/var/cache/pyc": str(volume), "/code": str(mounted), "/tmp": "/tmp"}
    folder.remove(
        Record(
            id="1", name="pe-1", rung="plain", boot="b", labels={}, ports={}, argv=[], inside={},
            paths=paths,
        )
    )  # fmt: skip
    assert not folder.path.exists()
    assert not (volume / str(folder.path)[1:]).exists()
    assert (volume / "usr").is_dir()
    assert (mounted / str(folder.root)[1:]).is_dir()
