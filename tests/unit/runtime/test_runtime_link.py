"""A worker's line to the agent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.runtime.link import Link


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent.sock"))
        yield listener


def link(tmp_path: Path, heard: list[dict[str, Any]]) -> Link:
    return Link(str(tmp_path / "agent.sock"), hello=lambda: {"pid": 7}, heard=heard.append)


def test_says_hello_first_and_hears_what_comes(tmp_path: Path, agent: socket.socket) -> None:
    heard: list[dict[str, Any]] = []
    agent.listen()
    line = link(tmp_path, heard)
    assert not line.wait_connected(0)
    line.tell("lost")  # nobody is there yet: `hello` says how things stand
    line.start()
    connection, _ = agent.accept()
    with connection, connection.makefile("rwb") as stream:
        assert line.wait_connected(5)
        line.tell("failed", stage="import")
        said = [json.loads(stream.readline()) for _ in range(2)]
        assert said == [{"event": "hello", "pid": 7}, {"event": "failed", "stage": "import"}]


def test_comes_back_when_the_agent_does(tmp_path: Path, agent: socket.socket) -> None:
    agent.listen()
    line = link(tmp_path, [])
    line.start()
    for _ in range(2):
        connection, _ = agent.accept()
        with connection, connection.makefile("rb") as stream:
            assert json.loads(stream.readline()) == {"event": "hello", "pid": 7}


def test_without_an_agent_the_wait_ends(tmp_path: Path) -> None:
    line = link(tmp_path, [])
    line.start()
    assert not line.wait_connected(0.05)
