from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from toolkit.engines.disk import room_of
from toolkit.engines.process.images import Images
from toolkit.engines.process.prune import prune
from toolkit.plans.model import Contents

LONG_AGO = time.time() - 3600


class Shelf:
    """A cache folder with environments in it, as builds leave it."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.images = Images(cache=cache)
        self.debugger = self._made("debugpy/d1")
        self._clock = LONG_AGO

    def _made(self, name: str) -> Path:
        folder = self.cache / name
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 1000)
        os.utime(folder, (LONG_AGO, LONG_AGO))
        return folder

    def image(self, tag: str, env: str, *, name: str = "iris") -> Path:
        """An image with an environment of its own; each one is newer than those before."""
        folder = self.cache / "envs" / env
        if not folder.is_dir():
            self._made(f"envs/{env}")
        digest = f"sha256:{tag.replace('/', '-').replace(':', '-')}"
        keep(self.images, digest, folder, self.debugger, {"io.aml-emu.name": name})
        self.images.name(digest, (tag,))
        self._clock += 10
        written = self.cache / "images" / digest.removeprefix("sha256:") / "image.json"
        os.utime(written, (self._clock, self._clock))
        return folder

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.images.tagged()]


def keep(
    images: Images, digest: str, environment: Path, debugger: Path, labels: Mapping[str, str]
) -> None:
    contents = Contents(
        prefix=PurePosixPath("/azureml-envs/iris"),
        python="3.11",
        lock="",
        paths_first={},
        debugpy=PurePosixPath("/opt/d"),
        debugpy_version="1",
        env={},
        files=(),
        folders=(),
        command=("true",),
        working_dir=PurePosixPath("/"),
    )
    images.keep(
        digest, contents, labels=labels, environment=environment, debugger=debugger, python=()
    )


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def test_the_newest_of_each_name_stays_and_environments_without_image_go(shelf: Shelf) -> None:
    old, new = shelf.image("aml-emu/iris:1", "e1"), shelf.image("aml-emu/iris:2", "e2")
    done = prune(shelf.cache, everything=False, dry_run=False)
    assert shelf.tags == ["aml-emu/iris:2"]
    assert (old.exists(), new.exists(), shelf.debugger.exists()) == (False, True, True)
    assert [(each.kind, each.size) for each in done.removed] == [
        ("image", 0),
        ("environment", 1000),
    ]
    assert done.freed == 1000


def test_a_dry_run_says_the_same_and_removes_nothing(shelf: Shelf) -> None:
    old = shelf.image("aml-emu/iris:1", "e1")
    shelf.image("aml-emu/iris:2", "e2")
    told = prune(shelf.cache, everything=False, dry_run=True)
    assert old.exists()
    assert len(shelf.tags) == 2
    assert prune(shelf.cache, everything=False, dry_run=False) == told


def test_everything_goes_if_nothing_runs(shelf: Shelf) -> None:
    shelf.image("aml-emu/iris:1", "e1")
    prune(shelf.cache, everything=True, dry_run=False)
    assert shelf.tags == []
    assert not shelf.debugger.exists()
    assert room_of(shelf.cache / "envs") == 0


def test_an_environment_of_two_images_goes_with_the_last(shelf: Shelf) -> None:
    shared = shelf.image("aml-emu/iris:1", "e1")
    shelf.image("aml-emu/wine:1", "e1", name="wine")
    shelf.image("aml-emu/iris:2", "e2")
    prune(shelf.cache, everything=False, dry_run=False)
    assert shared.exists()
    prune(shelf.cache, everything=True, dry_run=False, names=["wine"])
    assert not shared.exists()
    assert shelf.tags == ["aml-emu/iris:2"]


def test_what_was_just_made_may_wait_for_its_image(shelf: Shelf) -> None:
    fresh = shelf.cache / "envs" / "e9"
    fresh.mkdir(parents=True)
    assert prune(shelf.cache, everything=True, dry_run=False).removed[0].name != str(fresh)
    assert fresh.exists()


def test_an_empty_cache_is_no_error(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", everything=True, dry_run=False).removed == ()


def test_linked_files_free_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "alone").write_bytes(b"12345")
    (tmp_path / "one" / "linked").write_bytes(b"123")
    os.link(tmp_path / "one" / "linked", tmp_path / "elsewhere")
    assert room_of(tmp_path / "one") == 5


def test_a_running_launch_keeps_its_environment(shelf: Shelf) -> None:
    used = shelf.image("aml-emu/iris:1", "e1")
    folder = shelf.cache / "run" / "aml-emu-iris"
    folder.mkdir(parents=True)
    record = {
        "id": "1", "name": "aml-emu-iris", "rung": "bwrap", "labels": {}, "ports": {},
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "argv": [str(used)], "inside": {}, "paths": {},
    }  # fmt: skip
    (folder / "launch.json").write_text(json.dumps(record))
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert prune(shelf.cache, everything=True, dry_run=False).removed == ()
        assert used.exists()
    finally:
        os.close(lock)
    kinds = [each.kind for each in prune(shelf.cache, everything=True, dry_run=False).removed]
    assert kinds == ["launch", "image", "environment", "environment"]
