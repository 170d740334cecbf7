"""Services of the integration tests: started by the real command, gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.served import ENV_YML, SCORE_PY, Served
from tests.project import Tree, write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.plans.emulation import LABEL_NAME

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
