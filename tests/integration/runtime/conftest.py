"""Trees for the runtime's tests: each test gets its own, ended and cleaned afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.runtime.service_tree import ServiceTree

MakeTree = Callable[..., ServiceTree]


@pytest.fixture
def make_tree(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeTree]:
    if shutil.which("runsvdir") is None:
        pytest.skip("runsvdir is not installed on this machine")
    trees: list[ServiceTree] = []

    def make(**environment: str) -> ServiceTree:
        tree = ServiceTree(tmp_path / f"tree{len(trees)}", **environment)
        trees.append(tree)
        return tree

    yield make
    for tree in trees:
        tree.stop()
        print(tree.log_text().partition("Starting AzureML")[2])  # noqa: T201  # shown on failure
