"""No Docker engine there: known from its socket, before the SDK is loaded."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.engines.docker.connect import connect
from toolkit.engines.docker.peek import Peek
from toolkit.errors import EngineUnavailable

ASK = """
import sys
from toolkit.engines.registry import make_engine
from toolkit.errors import EngineUnavailable
try:
    make_engine("docker", {"DOCKER_HOST": "unix://" + sys.argv[1]}).check()
except EngineUnavailable as error:
    print(error.message)
print("docker" in sys.modules)
"""


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    """The socket of an engine that was killed."""
    path = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return path


def test_a_missing_socket_is_answered_without_the_sdk(tmp_path: Path) -> None:
    missing = tmp_path / "docker.sock"
    said = subprocess.check_output([sys.executable, "-c", ASK, str(missing)], text=True)
    assert said.splitlines() == [f"no Docker engine answers at unix://{missing}", "False"]


def test_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
    assert "No such file" in caught.value.details
    assert caught.value.hint.startswith("start Docker")


def test_a_socket_that_nobody_listens_on_any_more(stale: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no Docker engine answers at") as caught:
        connect({"DOCKER_HOST": f"unix://{stale}"})
    assert "Connection refused" in caught.value.details


def test_whoever_listens_is_left_to_the_sdk(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert Peek(str(path)).refusal() is None


def test_what_is_wrong_in_another_way_is_left_to_the_sdk(tmp_path: Path) -> None:
    assert Peek(f"/{'x' * 200}").refusal() is None, "too long for a socket"
    (tmp_path / "file").touch()
    assert Peek(f"{tmp_path}/file/docker.sock").refusal() is None
