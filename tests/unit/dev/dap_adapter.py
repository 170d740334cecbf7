"""A debug adapter in memory, as far as a client sees it: a root session and one worker's.

What the worker does is scripted: the stops it makes once its breakpoints are set, the values of
expressions, what it refuses.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FakeStop:
    line: int
    function: str = "run"
    reason: str = "breakpoint"
    thread: int = 1


@dataclass(kw_only=True)
class FakeAdapter:
    """A conversation for a FakeEngine's port 5678; `heard` is every request, in order."""

    stops: Sequence[FakeStop] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    has_worker: bool = True
    heard: list[tuple[str, str, Message]] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        """Whoever connects is served in a thread: the root session stays while a child comes."""
        threading.Thread(target=_Talk(self, connection.dup()).run, daemon=True).start()

    def commands(self, who: str) -> list[str]:
        return [command for whom, command, _ in self.heard if whom == who]

    def arguments(self, who: str, command: str) -> list[Message]:
        return [given for whom, asked, given in self.heard if (whom, asked) == (who, command)]


class _Talk:
    def __init__(self, adapter: FakeAdapter, connection: socket.socket) -> None:
        self._adapter = adapter
        self._socket = connection
        self._lines = connection.makefile("rb")
        self._who = "anybody"
        self._attach: Message = {}
        self._file = ""
        self._left = list(adapter.stops)

    def run(self) -> None:
        with self._socket, self._lines:
            while (request := self._read()) is not None:
                command, arguments = request["command"], request["arguments"]
                if command == "attach":
                    self._who = "worker" if "subProcessId" in arguments else "root"
                self._adapter.heard.append((self._who, command, arguments))
                if command in self._adapter.silent:
                    continue
                if reason := self._adapter.refuses.get(command):
                    self._answer(request, success=False, message=reason)
                else:
                    self._react(request, command, arguments)
                if command == "disconnect":
                    return

    def _react(self, request: Message, command: str, arguments: Message) -> None:
        if command == "attach":
            self._attach = request
            self._event("initialized")
        elif command == "configurationDone":
            self._answer(request)
            self._answer(self._attach)
            self._configured()
        elif command == "setBreakpoints":
            self._file = arguments["source"]["path"]
            if not arguments["breakpoints"]:
                self._left.clear()
            self._answer(request, body={"breakpoints": []})
        elif command == "evaluate":
            self._evaluate(request, arguments["expression"])
        elif command == "continue":
            self._answer(request)
            self._stop()
        else:
            self._answer(request, body=self._body(command))

    def _configured(self) -> None:
        if self._who == "worker":
            self._stop()
        elif self._adapter.has_worker:
            host, port = self._socket.getsockname()[:2]
            connect = {"host": host, "port": port}
            self._event("debugpyAttach", {"subProcessId": 79, "connect": connect})

    def _stop(self) -> None:
        if self._left:
            self._now = self._left.pop(0)
            body = {"threadId": self._now.thread, "reason": self._now.reason}
            self._event("stopped", body)

    def _evaluate(self, request: Message, expression: str) -> None:
        if expression in self._adapter.values:
            self._answer(request, body={"result": self._adapter.values[expression]})
        else:
            message = f"NameError: name '{expression}' is not defined"
            self._answer(request, success=False, message=message)

    def _body(self, command: str) -> Message:
        if command == "threads":
            return {"threads": [{"id": 1, "name": "MainThread"}]}
        if command == "stackTrace":
            frame = {"id": 3, "name": self._now.function, "line": self._now.line}
            return {"stackFrames": [{**frame, "source": {"path": self._file}}]}
        return {}

    def _read(self) -> Message | None:
        length = 0
        while line := self._lines.readline().strip():
            length = int(line.partition(b":")[2])
        message: Message | None = json.loads(self._lines.read(length)) if length else None
        return message

    def _answer(
        self, request: Message, body: Message | None = None, *, success: bool = True, **more: str
    ) -> None:
        about = {"request_seq": request["seq"], "command": request["command"]}
        self._send({"type": "response", "success": success, "body": body or {}, **about, **more})

    def _event(self, name: str, body: Message | None = None) -> None:
        self._send({"type": "event", "event": name, "body": body or {}})

    def _send(self, message: Message) -> None:
        data = json.dumps({"seq": 0, **message}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(data) + data)
