"""The inside of a launch on disk, and the paths of plain processes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.engines.process.interior import Bind, Interior
from toolkit.engines.process.root import (
    exchanged,
    host_paths,
    write_links,
    write_plain_links,
    write_root,
)
from toolkit.errors import EngineUnavailable
from toolkit.plans.model import PlacedFile

APP = PurePosixPath("/var/azureml-app")
CODE = Path("/home/me/code")
MODEL = Path("/data/forest.pkl")
RUN = PlacedFile(path=PurePosixPath("/var/runit/web/run"), content=b"#!/bin/sh\n", mode=0o755)
INSIDE = Interior(
    binds=(
        Bind(source=Path("/cache/envs/1"), target=PurePosixPath("/azureml-envs/iris")),
        Bind(source=CODE, target=APP, read_only=False),
        Bind(source=MODEL, target=APP / "azureml-models/forest/1/forest.pkl"),
    ),
    files=(RUN,),
    folders=(PurePosixPath("/run/aml-emu"), RUN.path.parent, PurePosixPath("/tmp")),
    links={PurePosixPath("/var/azureml-apps"): APP},
    env={},
    argv=("runsvdir", "/var/runit"),
    working_dir=APP,
)
ROOT = Path("/r")


def here(text: str) -> str:
    return exchanged(text, host_paths(INSIDE, ROOT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/var/azureml-app", "/home/me/code"),
        ("/var/azureml-app/score.py", "/home/me/code/score.py"),
        ("/var/azureml-apps/score.py", "/home/me/code/score.py"),
        ("/azureml-envs/iris/bin:/usr/bin", "/cache/envs/1/bin:/usr/bin"),
        ("/azureml-envs/iris-2/bin", "/azureml-envs/iris-2/bin"),
        ("/run/aml-emu", "/r/run/aml-emu"),
        ("--config /var/runit/web/run.py", "--config /r/var/runit/web/run.py"),
        ("'/var/azureml-app/a b'", "'/home/me/code/a b'"),
        ("https://host/var/azureml-app", "https://host/var/azureml-app"),
        ("./var/azureml-app", "./var/azureml-app"),
        ("/tmp/x", "/tmp/x"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_paths_of_the_plan_become_those_of_the_host(text: str, expected: str) -> None:
    assert here(text) == expected


@pytest.mark.parametrize(
    "between", ["azureml-models", "azureml-models/forest", "azureml-models/forest/1"]
)
def test_what_leads_to_a_model_within_the_code_stands_in_the_root(between: str) -> None:
    assert here(str(APP / between)) == f"/r/var/azureml-app/{between}"
    assert here(str(APP / "azureml-models/forest/1/forest.pkl")) == str(MODEL)


def test_where_things_are_mounted_nothing_is_exchanged() -> None:
    assert exchanged("/var/azureml-app/score.py", {}) == "/var/azureml-app/score.py"


def test_the_model_is_reached_through_the_root(tmp_path: Path) -> None:
    write_plain_links(INSIDE, tmp_path)
    assert (tmp_path / "var/azureml-app/azureml-models/forest/1/forest.pkl").readlink() == MODEL
    assert not (tmp_path / "var/azureml-app").is_symlink()
    assert (tmp_path / "azureml-envs/iris").readlink() == Path("/cache/envs/1")


def test_a_model_folder_can_be_looked_through(tmp_path: Path) -> None:
    model, root = tmp_path / "forest", tmp_path / "root"
    (model / "parts").mkdir(parents=True)
    (model / "parts/forest.pkl").write_bytes(b"x")
    (model / "linked").symlink_to(model / "parts")
    models = APP / "azureml-models"
    binds = (INSIDE.binds[1], Bind(source=model, target=models / "forest/1"))
    write_plain_links(replace(INSIDE, binds=binds), root)
    place = root / "var/azureml-app/azureml-models"
    (found,) = place.rglob("forest.pkl")
    assert found.readlink() == model / "parts/forest.pkl"
    assert (place / "forest/1/linked").is_symlink()


def test_files_and_folders_are_written(tmp_path: Path) -> None:
    write_root(INSIDE, tmp_path, python="/p/python", programs_inside="/.aml-emu")
    write_links(INSIDE, tmp_path)
    assert (tmp_path / "var/runit/web/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run/aml-emu").is_dir()
    assert (tmp_path / "var/azureml-apps").readlink() == Path(APP)
    for name in ("runsvdir", "runsv", "sv"):
        assert (
            (tmp_path / ".aml-emu/bin" / name).read_text().startswith("#!/bin/sh\nexec /p/python ")
        )


def test_a_tree_looks_as_old_as_one_of_an_image(tmp_path: Path) -> None:
    """runsvdir waits a second before it starts what changed in this second."""
    write_root(INSIDE, tmp_path, python="python", programs_inside="/.aml-emu")
    assert (tmp_path / "var/runit").stat().st_mtime < time.time() - 3600


@pytest.mark.parametrize("path", ["/etc/nginx/app", "/usr/bin/tool", "/bin/sh"])
def test_the_hosts_system_takes_no_files(tmp_path: Path, path: str) -> None:
    inside = replace(INSIDE, files=(PlacedFile(path=PurePosixPath(path), content=b""),))
    with pytest.raises(EngineUnavailable, match=path):
        write_root(inside, tmp_path, python="python", programs_inside="/x")


def test_a_copied_file_is_as_old_as_its_source(tmp_path: Path) -> None:
    kept = tmp_path / "kept.py"
    kept.write_text("X = 1\n")
    os.utime(kept, (1e9, 1e9))
    copied = PlacedFile(path=PurePosixPath("/opt/own/kept.py"), content=kept)
    made = PlacedFile(path=PurePosixPath("/opt/own/made.py"), content=b"X = 2\n")
    interior = replace(INSIDE, files=(copied, made))
    write_root(interior, tmp_path / "root", python="python", programs_inside="/in")
    there = tmp_path / "root/opt/own"
    assert (there / "kept.py").stat().st_mtime == 1e9
    assert time.time() - (there / "made.py").stat().st_mtime < 60
