"""Environments made by uv: shared, whole or not there, in whatever state the cache folder is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from tests.integration.engines.feed_server import PACKAGE, USER, FeedServer
from tests.integration.engines.process_bench import PLAN, ProcessBench, said, with_lock
from toolkit.engines.base import BuildOptions
from toolkit.engines.events import BuildEvent, InputsChanged, StepCached, StepDone
from toolkit.engines.process.cachefolder import open_lock
from toolkit.engines.process.sandbox import choose
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.plans.model import ImagePlan, PlacedFile

BEST = choose(os.environ).rung
SIX = "six==1.17.0\n"
MEMORY = Path("/dev/shm")
BUILD = """
import os, sys
from pathlib import Path, PurePosixPath
from tests.integration.engines.feed_server import PACKAGE, USER, FeedServer
from tests.integration.engines.process_bench import ProcessBench, with_lock
from toolkit.engines.base import BuildOptions
from toolkit.errors import EmuError
bench = ProcessBench(Path(sys.argv[1]))
try:
    image = bench.engine.build(with_lock(sys.argv[2]), BuildOptions(), lambda _: None)
except EmuError as error:
    sys.exit(f"{type(error).__name__}: {error.message} | {error.hint}")
print(image.tag, image.built)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ProcessBench]:
    made = ProcessBench(tmp_path / "c", BEST)
    yield made
    made.close()


def command(cache: Path, lock: str = SIX) -> list[str]:
    return [sys.executable, "-c", BUILD, str(cache), lock]


def test_the_locks_packages_are_there_and_nothing_else(bench: ProcessBench) -> None:
    image = bench.engine.build(with_lock(SIX), BuildOptions(), lambda _: None)
    handle = bench.launch("python3", "-c", "import six; print(six.__version__)", image=image.tag)
    handle.wait(30)
    assert said(handle) == "1.17.0\n"
    handle = bench.launch("python3", "-c", "import debugpy", image=image.tag)
    assert handle.wait(30).exit_code == 1


def test_the_debugger_lies_beside_it(bench: ProcessBench) -> None:
    code = "import sys; sys.path.append('/opt/aml-emu/debugpy'); import debugpy; print('there')"
    handle = bench.launch("python3", "-c", code)
    handle.wait(30)
    assert said(handle) == "there\n"


def test_two_projects_share_one_environment(bench: ProcessBench) -> None:
    seen: list[BuildEvent] = []
    for name in ("one", "two"):
        plan = replace(with_lock(SIX), name=name)
        assert bench.engine.build(plan, BuildOptions(), seen.append).built
    assert len([p for p in (bench.cache / "envs").iterdir() if p.is_dir()]) == 1
    assert any(isinstance(event, StepCached) for event in seen)


def test_an_image_whose_environment_was_deleted_is_built_again(bench: ProcessBench) -> None:
    image = bench.engine.build(with_lock(SIX), BuildOptions(), lambda _: None)
    for folder in (bench.cache / "envs").iterdir():
        if folder.is_dir():
            subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert not bench.engine.has(image.tag)
    again = bench.engine.build(with_lock(SIX), BuildOptions(), lambda _: None)
    assert (again.built, again.tag) == (True, image.tag)


def test_several_processes_at_once_make_it_once(bench: ProcessBench) -> None:
    started = [
        subprocess.Popen(command(bench.cache), stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    tags = {process.communicate(timeout=120)[0].split()[0] for process in started}
    assert len(tags) == 1
    made = [path.name for path in (bench.cache / "envs").iterdir() if path.is_dir()]
    assert len(made) == 1
    assert not made[0].startswith(".")


def test_what_a_killed_process_left_is_swept(bench: ProcessBench) -> None:
    left = bench.cache / "envs/.new-0123456789abcdef-dead"
    (left / "lib").mkdir(parents=True)
    bench.engine.build(with_lock(SIX), BuildOptions(), lambda _: None)
    assert not left.exists()


def test_what_another_process_is_making_is_left_alone(bench: ProcessBench) -> None:
    import fcntl  # noqa: PLC0415  # Unix only, as what it tests

    theirs = bench.cache / "envs/.new-0123456789abcdef-live"
    theirs.mkdir(parents=True)
    lock = open_lock(bench.cache / "envs/0123456789abcdef.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bench.engine.build(with_lock(SIX), BuildOptions(), lambda _: None)
        assert theirs.exists()
    finally:
        os.close(lock)


def test_a_package_that_cannot_be_had_is_named_and_leaves_nothing(bench: ProcessBench) -> None:
    plan = with_lock("no-such-package-7 @ file:///no/such/place/x-1-py3-none-any.whl\n")
    with pytest.raises(BuildFailed) as caught:
        bench.engine.build(plan, BuildOptions(), lambda _: None)
    assert "file:///no/such/place/x-1-py3-none-any.whl" in caught.value.details
    assert [path for path in (bench.cache / "envs").iterdir() if path.is_dir()] == []
    assert not bench.engine.has(plan.tag("any"))


@pytest.mark.skipif(not MEMORY.is_dir(), reason="no other file system to write to")
def test_the_cache_may_be_on_another_file_system(tmp_path: Path) -> None:
    cache = MEMORY / f"aml-emu-test-{os.urandom(4).hex()}"
    bench = ProcessBench(cache, BEST)
    try:
        assert cache.parent.stat().st_dev != Path.home().stat().st_dev
        seen: list[BuildEvent] = []
        image = bench.engine.build(with_lock(SIX), BuildOptions(), seen.append)
        assert any(isinstance(event, StepDone) for event in seen)
        assert "hardlink" not in str(seen)  # uv complains if it must find out by itself
        handle = bench.launch("python3", "-c", "import six", image=image.tag)
        assert handle.wait(30).exit_code == 0
    finally:
        bench.close()
        subprocess.run(["rm", "-rf", str(cache)], check=True)


def test_a_cache_that_is_full_is_named(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=256k tmpfs "{small}" && exec "$@"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces: a small file system cannot be mounted")
    done = subprocess.run(
        [*apart, *command(small / "c", "numpy==2.3.5\n")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"EngineUnavailable: the cache folder is full: {small}"), done
    assert "XDG_CACHE_HOME" in done.stderr


def test_a_cache_that_is_read_only_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = f'mount -t tmpfs -o ro tmpfs "{folder}" && exec "$@"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces: a read-only file system cannot be mounted")
    done = subprocess.run(
        [*apart, *command(folder / "c")], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr.startswith(
        f"EngineUnavailable: the cache folder is read-only: {folder / 'c'}"
    ), done


def test_a_file_in_the_place_of_the_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("not a folder")
    with pytest.raises(EngineUnavailable, match="a file is in the way"):
        ProcessBench(tmp_path / "c").engine.build(PLAN, BuildOptions(), lambda _: None)


def test_what_changed_since_the_last_one_is_told(bench: ProcessBench) -> None:
    def built(lock: str) -> list[InputsChanged]:
        seen: list[BuildEvent] = []
        bench.engine.build(with_further(lock), BuildOptions(), seen.append)
        return [event for event in seen if isinstance(event, InputsChanged)]

    assert built(SIX) == []
    first = with_further(SIX)
    (change,) = built("six==1.16.0\n")
    assert change.changes == ("six 1.17.0 -> 1.16.0",)
    assert change.since.startswith(f"aml-emu/{first.name}:")
    assert built("six==1.16.0\n") == []


def with_further(lock: str) -> ImagePlan:
    """A plan as a lock makes it: the list is in the context too."""
    plan = with_lock(lock)
    listed = PlacedFile(path=PurePosixPath("further.lock"), content=lock.encode())
    return replace(plan, dockerfile="", context=(listed,))


def test_a_login_of_an_address_in_the_lock_reaches_uv_and_stays_nowhere(tmp_path: Path) -> None:
    password = f"pw-{os.urandom(8).hex()}"
    with FeedServer("127.0.0.1", password=password) as feed:
        wheel = f"http://127.0.0.1:{feed.port}/files/{PACKAGE}-1.0-py3-none-any.whl"
        plan = with_lock(f"{PACKAGE} @ {wheel}\n")
        bench = ProcessBench(tmp_path / "c", BEST)
        try:
            with pytest.raises(BuildFailed, match="could not be made"):
                bench.engine.build(plan, BuildOptions(), lambda _: None)
            netrc = f"machine 127.0.0.1 login {USER} password {password}\n".encode()
            options = BuildOptions(secrets={"netrc": netrc})
            image = bench.engine.build(plan, options, lambda _: None)
            handle = bench.launch(
                "python3", "-c", f"import {PACKAGE} as p; print(p.VALUE)", image=image.tag
            )
            handle.wait(30)
            assert said(handle) == "42\n"
        finally:
            bench.close()
    kept = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if password.encode() in path.read_bytes()]
