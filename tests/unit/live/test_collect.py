from __future__ import annotations

import errno
from pathlib import Path

from toolkit.live.collect import collect

FOLDERS = {"outputs": "outputs", "logs": "logs"}


def test_what_was_written_is_moved(tmp_path: Path) -> None:
    code, run = tmp_path / "code", tmp_path
    (code / "outputs" / "deep").mkdir(parents=True)
    (code / "outputs" / "deep" / "model.txt").write_text("m")
    (run / "outputs" / "deep").mkdir(parents=True)
    (run / "outputs" / "deep" / "logged.txt").write_text("by the tracking, while it ran")
    (code / "outputs" / "link").symlink_to("deep/model.txt")
    assert collect(code, run, FOLDERS) == ""
    assert (run / "outputs" / "deep" / "model.txt").read_text() == "m"
    assert (run / "outputs" / "deep" / "logged.txt").exists()
    assert (run / "outputs" / "link").is_symlink()


def test_a_job_that_removed_its_folders_is_no_problem(tmp_path: Path) -> None:
    assert collect(tmp_path / "code", tmp_path, FOLDERS) == ""


def test_a_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "outputs").symlink_to(tmp_path / "elsewhere")
    assert collect(tmp_path / "code", tmp_path, FOLDERS) == ""
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_a_full_disk_is_said_and_the_rest_is_kept(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "outputs").mkdir(parents=True)
    (tmp_path / "outputs").mkdir()
    for name in ("a", "big", "c"):
        (code / "outputs" / name).write_text(name)

    def move(source: Path, target: Path) -> None:
        if source.name == "big":
            raise OSError(errno.ENOSPC, "No space left on device")
        source.replace(target)

    problem = collect(code, tmp_path, FOLDERS, move=move)
    assert problem == "while collecting outputs, logs: the disk is full: outputs/big"
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["a", "c"]
    assert (code / "outputs" / "big").exists()
