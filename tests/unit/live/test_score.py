import socket
from collections.abc import Iterator

import pytest

from tests.fakes import Listener
from toolkit.engines.base import Address
from toolkit.engines.ports import free_port
from toolkit.errors import NotReady
from toolkit.live.score import score


class Server:
    """Answers one request with the bytes it was given, and keeps what was asked."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.asked = b""
        self.listener = Listener(self._converse)

    def _converse(self, connection: socket.socket) -> None:
        while not self.asked.endswith(b"BODY"):
            received = connection.recv(1 << 16)
            if not received:
                return
            self.asked += received
        if self.answer is None:
            connection.recv(1)  # until the client gives up
        else:
            connection.sendall(self.answer)


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        server.listener.close()


def serving(servers: list[Server], answer: bytes | None) -> Server:
    servers.append(Server(answer))
    return servers[-1]


def test_the_answer_comes_as_it_was_given(servers: list[Server]) -> None:
    server = serving(
        servers, b"HTTP/1.1 200 OK\r\nx-ms-run-function-failed: False\r\n\r\n[1, 2] \xff"
    )
    answer = score(server.listener.address, b"BODY")
    assert answer.is_ok
    assert answer.headers == {"x-ms-run-function-failed": "False"}
    assert answer.body == b"[1, 2] \xff"
    assert answer.text == "[1, 2] \ufffd"


def test_json_is_sent_to_the_scoring_path(servers: list[Server]) -> None:
    server = serving(servers, b"HTTP/1.1 200 OK\r\n\r\n")
    score(server.listener.address, b"BODY", headers={"x-ms-request-id": "7"})
    assert server.asked.startswith(b"POST /score HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in server.asked
    assert b"x-ms-request-id: 7\r\n" in server.asked


def test_the_users_content_type_wins(servers: list[Server]) -> None:
    server = serving(servers, b"HTTP/1.1 200 OK\r\n\r\n")
    score(server.listener.address, b"BODY", headers={"Content-Type": "image/png"})
    assert server.asked.count(b"Content-Type") == 1
    assert b"Content-Type: image/png" in server.asked


def test_an_error_of_the_script_is_an_answer(servers: list[Server]) -> None:
    server = serving(servers, b"HTTP/1.1 500 Oops\r\n\r\nboom")
    answer = score(server.listener.address, b"BODY")
    assert (answer.status, answer.is_ok, answer.text) == (500, False, "boom")


def test_no_answer_in_time_is_said_with_the_likely_cause(servers: list[Server]) -> None:
    server = serving(servers, None)
    with pytest.raises(NotReady) as caught:
        score(server.listener.address, b"BODY", timeout=0.05)
    assert caught.value.message == "no answer within 0.05 s"
    assert "breakpoint" in caught.value.hint


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
def test_a_broken_answer_is_no_answer(servers: list[Server], answer: bytes) -> None:
    address = serving(servers, answer).listener.address
    with pytest.raises(NotReady, match=f"nothing answers at 127.0.0.1:{address.port}"):
        score(address, b"BODY")


def test_nobody_there_is_said() -> None:
    with pytest.raises(NotReady, match="nothing answers at"):
        score(Address(host="127.0.0.1", port=free_port()), b"BODY")
