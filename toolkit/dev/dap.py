"""One connection to a debug adapter: frames, requests and their answers, events. No session."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

Message = dict[str, Any]

TIMEOUT: Final = 15.0


class DapError(Exception):
    """The adapter did not do what was asked of it, or not in time."""


class DapRefused(DapError):
    """The adapter answered a request with "no"."""


class Connection:
    """A socket to the adapter: requests wait for their answer, events go to `heard`.

    `heard` is called on the listening thread; whatever must wait for an answer belongs elsewhere.
    """

    def __init__(
        self,
        address: tuple[str, int],
        heard: Callable[[Connection, Message], None],
        *,
        timeout: float = TIMEOUT,
    ) -> None:
        self._heard = heard
        self._timeout = timeout
        self._numbers = itertools.count(1)
        self._answers: dict[int, Message] = {}
        self._news = threading.Condition()
        self._events: list[str] = []
        self.pid: int | None = None
        self.closed = False
        self._socket = socket.create_connection(address, timeout=timeout)
        self._socket.settimeout(None)
        self._lines = self._socket.makefile("rb")
        threading.Thread(target=self._listen, name="dap listener", daemon=True).start()

    def send(self, command: str, arguments: Message | None = None) -> int:
        """Ask without waiting; the number is what `answer` takes."""
        number = next(self._numbers)
        body = {"seq": number, "type": "request", "command": command, "arguments": arguments or {}}
        self.send_raw(json.dumps(body).encode())
        return number

    def send_raw(self, body: bytes) -> None:
        try:
            self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except OSError as error:
            raise DapError(f"the connection is closed: {error}") from error

    def answer(self, number: int) -> Message:
        """The body of the answer to that request.

        Raises DapRefused with the adapter's own words, DapError if there is none in time.
        """
        with self._news:
            self._news.wait_for(lambda: number in self._answers or self.closed, self._timeout)
            if number not in self._answers:
                raise DapError(f"no answer to request {number}, closed: {self.closed}")
            answer = self._answers.pop(number)
        if not answer.get("success"):
            raise DapRefused(f"{answer.get('command')}: {answer.get('message')}")
        body: Message = answer.get("body") or {}
        return body

    def is_answered(self, number: int) -> bool:
        with self._news:
            return number in self._answers

    def request(self, command: str, arguments: Message | None = None) -> Message:
        return self.answer(self.send(command, arguments))

    def wait_for_event(self, name: str, *, unless_answered: int = 0) -> None:
        """Wait for the event, or for the answer that tells why it will not come."""

        def settled() -> bool:
            return name in self._events or unless_answered in self._answers

        with self._news:
            self._news.wait_for(lambda: settled() or self.closed, self._timeout)
            if not settled():
                raise DapError(f"no event `{name}`, seen: {self._events}, closed: {self.closed}")

    def wait_closed(self, timeout: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self.closed, timeout)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        # closed by either side, in the middle of a message too
        with suppress(OSError, ValueError, DapError):
            while (message := self._read()) is not None:
                self._take(message)
        self._lines.close()
        self.close()
        with self._news:
            self.closed = True
            self._news.notify_all()
        self._heard(self, {"type": "event", "event": "closed"})

    def _read(self) -> Message | None:
        length = 0
        while line := self._lines.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            return None
        message: Message = json.loads(self._lines.read(length))
        return message

    def _take(self, message: Message) -> None:
        with self._news:
            if message["type"] == "response":
                self._answers[message["request_seq"]] = message
            elif message["type"] == "event":
                self._events.append(message["event"])
            self._news.notify_all()
        if message["type"] == "request":
            answer = {"type": "response", "request_seq": message["seq"], "success": True}
            body = {"seq": next(self._numbers), "command": message["command"], **answer}
            self.send_raw(json.dumps(body).encode())
        if message["type"] != "response":
            self._heard(self, message)


class suppress_if_closed:  # noqa: N801  # reads like contextlib.suppress
    """Ignore a failed request on a connection that the other side has ended meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        return isinstance(error, DapError) and self._connection.wait_closed(1.0)
