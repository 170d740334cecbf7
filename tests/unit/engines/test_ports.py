import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from toolkit.engines import ports


@pytest.fixture
def held() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_held_port_is_not_free(held: int) -> None:
    assert not ports.is_free(held)


def test_a_port_held_on_all_addresses_is_not_free() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_port_is_free_again_after_it_was_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert ports.is_free(port)


def test_a_free_port_is_free() -> None:
    port = ports.free_port()
    assert 1024 < port < 65536
    assert ports.is_free(port)


def test_looking_does_not_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ports.is_free(port)
        ports.holder(port)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_holder_is_named(held: int) -> None:
    assert ports.holder(held) == f"`{psutil.Process().name()}` (pid {os.getpid()})"


def test_a_port_nobody_holds_has_no_name() -> None:
    assert ports.holder(ports.free_port()) == "another process"


def test_a_connection_is_not_a_holder(held: int) -> None:
    with socket.create_connection(("127.0.0.1", held)) as client:
        assert ports.holder(client.getsockname()[1]) == "another process"
