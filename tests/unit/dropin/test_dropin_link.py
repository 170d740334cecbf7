"""The link to the emulator when something is wrong on the way."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from toolkit.dropin.azureml._aml_emu.link import Link
from toolkit.dropin.azureml.exceptions import ServiceException

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
NO_JSON = b"HTTP/1.1 502 Bad\r\nContent-Length: 9\r\n\r\nnot here\n"
FINE = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'

Answers = Callable[..., Link]


@pytest.fixture
def answers() -> Iterator[Answers]:
    """A link to something that gives each connection the next of these answers, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = []

        def serve(given: tuple[bytes, ...]) -> None:
            with suppress(OSError):  # the test is over, and nobody came for the rest
                for answer in given:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(1 << 16)
                        connection.sendall(answer)

        def start(*given: bytes) -> Link:
            threads.append(threading.Thread(target=serve, args=(given,), daemon=True))
            threads[-1].start()
            return Link(f"http://127.0.0.1:{listener.getsockname()[1]}", "token")

        yield start
        with suppress(OSError):  # nobody is connected; it wakes who waits in accept
            listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)


@pytest.fixture
def nobody() -> Link:
    """A link to a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return Link(f"http://127.0.0.1:{port}", "token")


def test_half_a_file_is_none(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(ServiceException, match="in the middle of a file: runs/r/a"):
        answers(HALF).download("runs/r/a", str(tmp_path / "a"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [NO_JSON, HALF, b""])
def test_what_is_no_answer_is_a_service_exception(answers: Answers, answer: bytes) -> None:
    with pytest.raises(ServiceException) as error:
        answers(answer, answer).call("GET", "runs/r")  # asked twice where nothing came
    assert error.value.message


def test_a_status_is_kept_whatever_came_with_it(answers: Answers) -> None:
    with pytest.raises(ServiceException, match="status 502: not here") as error:
        answers(NO_JSON).upload("runs/r/a", io.BytesIO(b"a"))
    assert error.value.status_code == 502


def test_where_nobody_listens_it_says_so(nobody: Link, tmp_path: Path) -> None:
    for call in (
        lambda: nobody.call("GET", "runs/r"),
        lambda: nobody.upload("runs/r/a", io.BytesIO(b"a")),
        lambda: nobody.download("runs/r/a", str(tmp_path / "a")),
    ):
        with pytest.raises(ServiceException, match="the emulator does not answer at 127"):
            call()


def test_a_call_after_one_that_was_interrupted(answers: Answers) -> None:
    """As by Ctrl-C, which a script may catch to log a last word."""
    link = answers(FINE, FINE)
    kept = link._kept()

    def interrupted() -> None:
        del kept.getresponse
        raise KeyboardInterrupt

    kept.getresponse = interrupted  # type: ignore[assignment, method-assign]  # for once
    with pytest.raises(KeyboardInterrupt):
        link.call("GET", "runs/r")
    assert link.call("GET", "runs/r") == {"a": 1}
