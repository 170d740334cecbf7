"""A small debug adapter client for tests: attaches like VS Code, child sessions included.

    with DapSession("127.0.0.1", port, path_mappings=[(local, remote)]) as session:
        session.set_breakpoints("/local/score.py", [12])
        stop = session.wait_for_stop()
        assert session.locals(stop)["x"] == "3"
        session.continue_(stop)

Every wait has a deadline; nothing sleeps.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

Message = dict[str, Any]

TIMEOUT = 15.0


class DapError(AssertionError):
    """The adapter refused a request, or did not answer in time."""


class Connection:
    """One socket to the adapter: requests wait for their answer, events go to `heard`."""

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
        number = next(self._numbers)
        body = {"seq": number, "type": "request", "command": command, "arguments": arguments or {}}
        self.send_raw(json.dumps(body).encode())
        return number

    def send_raw(self, body: bytes) -> None:
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self, number: int) -> Message:
        deadline = time.monotonic() + self._timeout
        with self._news:
            while number not in self._answers:
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    raise DapError(f"no answer to request {number}, closed: {self.closed}")
                self._news.wait(left)
            answer = self._answers.pop(number)
        if not answer.get("success"):
            raise DapError(f"{answer.get('command')}: {answer.get('message')}")
        body: Message = answer.get("body") or {}
        return body

    def is_answered(self, number: int) -> bool:
        with self._news:
            return number in self._answers

    def request(self, command: str, arguments: Message | None = None) -> Message:
        return self.answer(self.send(command, arguments))

    def wait_for_event(self, name: str, *, unless_answered: int = 0) -> None:
        """Wait for the event, or for the answer that tells why it will not come."""
        deadline = time.monotonic() + self._timeout
        with self._news:
            while name not in self._events and unless_answered not in self._answers:
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    raise DapError(f"no event {name!r}, seen: {self._events}")
                self._news.wait(left)

    def wait_closed(self, timeout: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self.closed, timeout)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            while (message := self._read()) is not None:
                self._take(message)
        self._lines.close()
        self._socket.close()
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


@dataclass(frozen=True)
class Stop:
    """A thread that stands still: why, and in which line of which of the client's files."""

    connection: Connection = field(repr=False)
    thread: int
    reason: str
    text: str
    file: str
    line: int
    function: str
    frame: int


class DapSession:
    def __init__(
        self,
        host: str,
        port: int,
        *,
        path_mappings: Sequence[tuple[str | Path, str | Path]] = (),
        breakpoints: dict[str, list[int]] | None = None,
        just_my_code: bool = True,
        follow_children: bool = True,
        start_debugging: bool = False,
        name: str = "tests",
        timeout: float = TIMEOUT,
    ) -> None:
        self._address = (host, port)
        self._mappings = [
            {"localRoot": str(local), "remoteRoot": str(remote)} for local, remote in path_mappings
        ]
        self._just_my_code = just_my_code
        self._follow_children = follow_children
        self._start_debugging = start_debugging
        self._name = name
        self._timeout = timeout
        self._breakpoints = dict(breakpoints or {})
        self._news = threading.Condition()
        self._stops: deque[tuple[Connection, Message]] = deque()
        self._children: list[Connection] = []
        self._errors: list[Exception] = []
        self.announced: list[int] = []
        self.output: list[str] = []
        self.root: Connection

    def __enter__(self) -> Self:
        self.root = Connection(self._address, self._heard, timeout=self._timeout)
        try:
            self._configure(self.root, self._attach_arguments())
        except BaseException:
            self.root.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.detach()
        else:
            self.vanish()

    @property
    def workers(self) -> list[int]:
        """The processes that this client has a session with, oldest first."""
        with self._news:
            return [c.pid for c in self._children if not c.closed and c.pid is not None]

    def set_breakpoints(
        self, file: str | Path, lines: Sequence[int], *, condition: str | None = None
    ) -> None:
        """Set them in the root session and in every worker, now and to come."""
        with self._news:
            self._breakpoints[str(file)] = list(lines)
            connections = [self.root, *(c for c in self._children if not c.closed)]
        for connection in connections:
            with suppress_if_closed(connection):
                self._send_breakpoints(connection, str(file), condition=condition)

    def wait_for_worker(self, pid: int | None = None, *, other_than: int | None = None) -> int:
        """The process whose session is configured: that one, any, or any but the one given."""

        def wanted() -> int | None:
            for child in reversed(self.workers):
                if child == pid or (pid is None and child != other_than):
                    return child
            return None

        self._wait(lambda: wanted() is not None, f"a session with worker {pid or 'any'}")
        found = wanted()
        assert found is not None
        return found

    def wait_for_stop(self, timeout: float | None = None) -> Stop:
        self._wait(lambda: bool(self._stops), "a stop", timeout)
        with self._news:
            connection, event = self._stops.popleft()
        frames = self._frames(connection, event["threadId"])
        top = frames[0]
        return Stop(
            connection=connection,
            thread=event["threadId"],
            reason=event["reason"],
            text=event.get("text") or event.get("description") or "",
            file=top["source"]["path"],
            line=top["line"],
            function=top["name"],
            frame=top["id"],
        )

    def has_stopped(self) -> bool:
        with self._news:
            return bool(self._stops)

    def stack(self, stop: Stop) -> list[str]:
        return [frame["name"] for frame in self._frames(stop.connection, stop.thread)]

    def locals(self, stop: Stop) -> dict[str, str]:
        scopes = stop.connection.request("scopes", {"frameId": stop.frame})["scopes"]
        reference = next(s for s in scopes if s["name"] == "Locals")["variablesReference"]
        body = stop.connection.request("variables", {"variablesReference": reference})
        return {each["name"]: each["value"] for each in body["variables"]}

    def evaluate(self, stop: Stop, expression: str) -> str:
        arguments = {"expression": expression, "frameId": stop.frame, "context": "repl"}
        return str(stop.connection.request("evaluate", arguments)["result"])

    def continue_(self, stop: Stop) -> None:
        stop.connection.request("continue", {"threadId": stop.thread})

    def step_over(self, stop: Stop) -> Stop:
        stop.connection.request("next", {"threadId": stop.thread})
        return self.wait_for_stop()

    def step_in(self, stop: Stop) -> Stop:
        stop.connection.request("stepIn", {"threadId": stop.thread})
        return self.wait_for_stop()

    def detach(self, *, farewells: int = 1) -> None:
        """Leave as an IDE does: a goodbye in every session, then the sockets close."""
        for connection in [*self._children, self.root]:
            with suppress_if_closed(connection):
                numbers = [
                    connection.send("disconnect", {"terminateDebuggee": False})
                    for _ in range(farewells)
                ]
                connection.answer(numbers[0])
            connection.close()

    def vanish(self) -> None:
        """Leave like a crashed IDE: the sockets close without a word."""
        for connection in [*self._children, self.root]:
            connection.close()

    def _attach_arguments(self) -> Message:
        host, port = self._address
        return {
            "type": "debugpy",
            "request": "attach",
            "name": self._name,
            "connect": {"host": host, "port": port},
            "pathMappings": self._mappings,
            "justMyCode": self._just_my_code,
        }

    def _configure(self, connection: Connection, arguments: Message) -> None:
        """initialize, attach, breakpoints, configurationDone: the order every client keeps."""
        introduction = {
            "clientID": "vscode",
            "clientName": self._name,
            "adapterID": "debugpy",
            "pathFormat": "path",
            "linesStartAt1": True,
            "columnsStartAt1": True,
            "supportsVariableType": True,
            "supportsRunInTerminalRequest": True,
            "supportsStartDebuggingRequest": self._start_debugging,
        }
        connection.request("initialize", introduction)
        attached = connection.send("attach", arguments)
        connection.wait_for_event("initialized", unless_answered=attached)
        if connection.is_answered(attached):
            connection.answer(attached)  # raises what the adapter said against it
        for file in list(self._breakpoints):
            self._send_breakpoints(connection, file)
        connection.request("setExceptionBreakpoints", {"filters": ["uncaught"]})
        connection.request("configurationDone")
        connection.answer(attached)

    def _send_breakpoints(
        self, connection: Connection, file: str, *, condition: str | None = None
    ) -> None:
        extra = {"condition": condition} if condition else {}
        arguments = {
            "source": {"path": file},
            "breakpoints": [{"line": line, **extra} for line in self._breakpoints[file]],
        }
        connection.request("setBreakpoints", arguments)

    def _frames(self, connection: Connection, thread: int) -> list[Message]:
        frames: list[Message] = connection.request("stackTrace", {"threadId": thread})[
            "stackFrames"
        ]
        return frames

    def _heard(self, connection: Connection, message: Message) -> None:
        """On a listener's thread: whatever must wait for an answer goes to another thread."""
        event, body = message.get("event"), message.get("body") or {}
        child = None
        with self._news:
            if event == "stopped":
                self._stops.append((connection, body))
            elif event == "output":
                self.output.append(str(body.get("output", "")))
            elif event in ("closed", "terminated"):
                self._stops = deque(s for s in self._stops if s[0] is not connection)
            elif event == "debugpyAttach":
                child = body
            elif message.get("command") == "startDebugging":
                child = message["arguments"]["configuration"]
            if child is not None:
                self.announced.append(int(child["subProcessId"]))
            self._news.notify_all()
        if event == "terminated" and connection is not self.root:
            connection.close()
        if child is not None and self._follow_children:
            threading.Thread(target=self._follow, args=(child,), daemon=True).start()

    def _follow(self, arguments: Message) -> None:
        """Open the session of a worker, as VS Code does."""
        address = (arguments["connect"]["host"], int(arguments["connect"]["port"]))
        try:
            connection = Connection(address, self._heard, timeout=self._timeout)
            self._configure(connection, arguments)
        except (DapError, OSError) as error:
            with self._news:
                self._errors.append(error)
                self._news.notify_all()
            return
        connection.pid = int(arguments["subProcessId"])
        with self._news:
            self._children.append(connection)
            self._news.notify_all()

    def _wait(self, fact: Callable[[], bool], what: str, timeout: float | None = None) -> None:
        with self._news:
            if not self._news.wait_for(fact, self._timeout if timeout is None else timeout):
                raise DapError(
                    f"no {what}; announced {self.announced}, workers "
                    f"{[c.pid for c in self._children if not c.closed]}, errors {self._errors}"
                )


class suppress_if_closed:  # noqa: N801  # reads like contextlib.suppress
    """Ignore a failed request on a connection that the other side has ended meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, (DapError, OSError)):
            return False
        return isinstance(error, OSError) or self._connection.wait_closed(1.0)
