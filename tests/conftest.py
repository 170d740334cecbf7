"""Options, the fence around Docker, and the fixtures that every kind of test shares."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.private_engine import cannot_start
from tests.project import Project, Tree, write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.connect import connect
from toolkit.errors import EngineUnavailable
from toolkit.settings import DEFAULT_BASE

DOCKER_FIXTURES = {"engine", "base_image", "docker_cleanup", "fresh_name"}
FENCED_PROGRAMS = {"docker", "dockerd", "docker-compose", "podman", "nerdctl"}
CONFTEST_OF = Path(__file__).parent.name  # what pytest calls the fixtures of this file by
NOWHERE = "unix:///this-test-lacks-pytest.mark.docker.sock"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-docker",
        action="store_true",
        help="a test that lacks what its marker asks for (docker, runit) fails: no skips",
    )
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the files in tests/golden"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "own_engine: starts a Docker engine of its own, whose loss nobody minds"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for the real engine is a docker test; other things have its name too."""
    for item in items:
        info = getattr(item, "_fixtureinfo", None)
        known = info.name2fixturedefs if info else {}
        ours = {name for name, found in known.items() if found[-1].baseid == CONFTEST_OF}
        if DOCKER_FIXTURES & ours:
            item.add_marker("docker")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in NEEDS.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            if item.config.getoption("--require-docker"):
                pytest.fail(f"{reason}, and --require-docker was passed", pytrace=False)
            pytest.skip(f"{reason} (--require-docker makes this a failure)")


@cache
def no_docker() -> str:
    """Why tests that need Docker cannot run; empty if they can."""
    reason = ""
    with warnings.catch_warnings():
        # The SDK leaves the socket of a failed connection to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            DockerEngine(os.environ).check()
        except EngineUnavailable as error:
            reason = f"no Docker: {error.message}"
        gc.collect()
    return reason


@cache
def no_runit() -> str:
    return "" if shutil.which("runsvdir") else "no runit: `runsvdir` is not on PATH"


# by marker: what says why a test of that marker cannot run here
NEEDS: dict[str, Callable[[], str]] = {
    "docker": no_docker,
    "runit": no_runit,
    "own_engine": cannot_start,
}


@pytest.fixture(autouse=True)
def fence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without the marker cannot reach Docker, by its library, its program or a child."""
    if request.node.get_closest_marker("docker"):
        return
    advice = "mark this test with `@pytest.mark.docker`"

    def no_client(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail(f"it tried to reach Docker: {advice}")

    popen = subprocess.Popen.__init__

    def no_program(self: Any, args: Any, *rest: Any, **kwargs: Any) -> None:
        program = args if isinstance(args, str | os.PathLike) else args[0]
        if Path(os.fsdecode(program)).name.split(" ")[0] in FENCED_PROGRAMS:
            pytest.fail(f"it tried to run `{program}`: {advice}")
        popen(self, args, *rest, **kwargs)

    monkeypatch.setattr(docker.DockerClient, "__init__", no_client)
    monkeypatch.setattr(docker, "from_env", no_client)
    monkeypatch.setattr("toolkit.engines.docker.engine.connect", no_client)  # asks the socket first
    monkeypatch.setattr(subprocess.Popen, "__init__", no_program)
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Tree], Project]:
    """`project({"score.py": "…", "model": {"a.txt": "…"}})`: a folder of files, and its runs."""

    def make(tree: Tree) -> Project:
        path = tmp_path / "project"
        write_tree(path, tree)
        return Project(path)

    return make


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: the text is what the file of that name says, byte for byte."""
    folder = Path(__file__).parent / "golden" / "expected"

    def check(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        assert path.is_file(), f"no golden file {name}: run `pytest --update-golden`, review it"
        assert text == path.read_text("utf-8"), "if that is meant: `pytest --update-golden`"

    return check


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    return DockerEngine(os.environ)


@pytest.fixture(scope="session")
def docker_cleanup(engine: DockerEngine) -> Iterator[str]:
    """A prefix for the names of plans; what carries it on the engine goes when the tests end."""
    prefix = f"test-{os.urandom(4).hex()}"
    yield prefix
    client = connect(os.environ)
    for container in client.containers.list(all=True, filters={"name": f"aml-emu-{prefix}"}):
        container.remove(force=True, v=True)
    for image in client.api.images():  # client.images would ask for each one, which may be gone
        for tag in image["RepoTags"] or ():
            if tag.startswith(f"aml-emu/{prefix}"):
                client.images.remove(tag, force=True)
    for volume in client.volumes.list(filters={"name": f"aml-emu-{prefix}"}):
        volume.remove(force=True)
    client.close()


@pytest.fixture
def fresh_name(docker_cleanup: str) -> Callable[[], str]:
    """Names that nobody uses, for plans and caches; cleaned up after the session."""
    return lambda: f"{docker_cleanup}-{os.urandom(4).hex()}"


@pytest.fixture(scope="session")
def base_image(engine: DockerEngine) -> str:
    """Our own base image, made as a user would make it if it is not there."""
    if not engine.has(DEFAULT_BASE):
        made = subprocess.run(
            [sys.executable, "-m", "toolkit.cli", "base", "make"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
    return DEFAULT_BASE
