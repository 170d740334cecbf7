"""Reaching the engine: who does not answer, and who must not be asked."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toolkit.engines.docker.connect import connect
from toolkit.errors import EngineUnavailable

pytestmark = pytest.mark.docker

NOBODY = 65534


@pytest.fixture(autouse=True)
def docker_py_leaves_its_socket_open() -> Iterator[None]:
    """A client that could not connect is collected here, where its warning blames nobody else."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may do anything, so a root's test becomes somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_socket_that_is_not_ours_to_use(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        with as_nobody(), pytest.raises(EngineUnavailable) as caught:
            connect({"DOCKER_HOST": f"unix://{path}"})
    assert caught.value.message == f"no permission to talk to Docker at unix://{path}"
    assert "usermod -aG docker" in caught.value.hint


def test_something_that_is_no_engine(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))  # nobody listens
        with pytest.raises(EngineUnavailable) as caught:
            connect({"DOCKER_HOST": f"unix://{path}"})
    assert caught.value.message == f"no Docker engine answers at unix://{path}"


def test_the_current_docker_context_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker context use …` is what a user of several engines expects to count."""
    name = "elsewhere"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = tmp_path / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": "unix:///elsewhere/docker.sock", "SkipTLSVerify": False}
    document = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (meta / "meta.json").write_text(json.dumps(document))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(EngineUnavailable) as caught:
        connect({})
    assert "unix:///elsewhere/docker.sock" in caught.value.message
