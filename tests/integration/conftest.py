"""Services of the integration tests: started by the real command, gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import wait_for
from tests.integration.desk import Desk
from tests.integration.engines.process_bench import needs
from tests.integration.runs import ENGINES, Runs
from tests.integration.served import ENV_YML, SCORE_PY, Served
from tests.project import Tree, write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.engines.ports import is_free
from toolkit.plans.emulation import LABEL_ENDPOINT, LABEL_NAME

Serve = Callable[..., Served]
MODEL: Tree = {"weights.txt": "42\n"}


@pytest.fixture
def serve(
    tmp_path: Path, base_image: str, fresh_name: Callable[[], str], engine: DockerEngine
) -> Iterator[Serve]:
    """`serve({...files...}, *flags)`: not started yet; use it in a `with` block."""
    started: list[Served] = []

    def make(
        files: Tree | None = None, *flags: str, folder: str = "project", **more: Any
    ) -> Served:
        path = tmp_path / folder
        write_tree(path, {"env.yml": ENV_YML, "score.py": SCORE_PY, **(files or {})})
        served = Served(path, *flags, name=fresh_name(), **more)
        started.append(served)
        return served

    yield make
    for served in started:
        assert not engine.find({LABEL_NAME: served.name}), "the service left a container behind"


@pytest.fixture(scope="module")
def module_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a service that several tests share."""
    path = tmp_path_factory.mktemp("shared") / "project"
    write_tree(path, {"env.yml": ENV_YML, "score.py": SCORE_PY})
    return path


@pytest.fixture
def desk(
    tmp_path: Path, base_image: str, docker_cleanup: str, engine: DockerEngine
) -> Iterator[Desk]:
    made = Desk(tmp_path / "project", f"test-{os.urandom(4).hex()}")
    yield made
    made.down()
    assert not engine.find({LABEL_ENDPOINT: made.name}), "the endpoint left a container behind"
    assert wait_for(lambda: is_free(made.port)), "the endpoint left its router behind"


@pytest.fixture(params=ENGINES)
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runs]:
    """A project with an environment and no other files yet."""
    if request.param == "docker":
        request.getfixturevalue("base_image")
        made = Runs(tmp_path / "project", request.getfixturevalue("fresh_name")(), "docker", {})
    else:
        needs(request.param, request)
        sandbox = {"AML_EMU_SANDBOX": request.param}
        made = Runs(tmp_path / "project", f"test-{os.urandom(4).hex()}", "process", sandbox)
    made.write({})
    yield made
    made.clean()
