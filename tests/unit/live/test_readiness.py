import socket
from collections.abc import Iterator

import pytest

from tests.fakes import Conversation, Listener, http_status
from toolkit.engines.base import Address
from toolkit.engines.ports import free_port
from toolkit.live.readiness import answers, retry_until


class Attempts:
    def __init__(self, *values: str | None) -> None:
        self.values = list(values)
        self.made = 0

    def __call__(self) -> str | None:
        self.made += 1
        return self.values.pop(0) if self.values else None


def test_the_first_value_ends_the_waiting() -> None:
    attempts = Attempts(None, None, "there", "too late")
    assert retry_until(attempts, timeout=5, interval=0) == "there"
    assert attempts.made == 3


def test_a_false_value_is_a_value() -> None:
    assert retry_until(lambda: False, timeout=5, interval=0) is False


def test_the_deadline_ends_the_waiting() -> None:
    attempts = Attempts()
    assert retry_until(attempts, timeout=0.02, interval=0.001) is None
    assert attempts.made > 1


def test_without_any_time_there_is_one_attempt() -> None:
    attempts = Attempts(None, "too late")
    assert retry_until(attempts, timeout=0) is None
    assert attempts.made == 1


def test_an_error_is_not_waited_out() -> None:
    def broken() -> str | None:
        raise KeyError(5001)

    with pytest.raises(KeyError):
        retry_until(broken, timeout=5)


@pytest.fixture
def listen() -> Iterator[list[Listener]]:
    opened: list[Listener] = []
    yield opened
    for listener in opened:
        listener.close()


@pytest.mark.parametrize(
    ("converse", "expected"),
    [
        (http_status(200), True),
        (http_status(503), False),
        (http_status(404), False),
        (lambda connection: connection.sendall(b"not http\r\n\r\n"), False),
        (lambda _: None, False),
        (None, False),
    ],
    ids=["ok", "unavailable", "not found", "not http", "hangs up", "proxy without a server"],
)
def test_only_200_is_an_answer(
    listen: list[Listener], converse: Conversation | None, *, expected: bool
) -> None:
    listen.append(Listener(converse))
    assert answers(listen[0].address, "/") is expected


def test_nobody_there_is_no_answer() -> None:
    assert not answers(Address(host="127.0.0.1", port=free_port()), "/")


def wait_silently(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass  # until the client gives up


def test_silence_is_no_answer(listen: list[Listener]) -> None:
    listen.append(Listener(wait_silently))
    assert not answers(listen[0].address, "/", timeout=0.05)
