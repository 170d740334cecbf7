"""A debugger's session as VS Code holds it: one root, a child for each worker, breakpoints in all.

    with DapSession(host, port, path_mappings=[(local, remote)]) as session:
        session.set_breakpoints("/local/score.py", [12])
        stop = session.wait_for_stop()
        stop.evaluate("x")
        stop.resume()

Every wait has a deadline; nothing sleeps.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from toolkit.dev.dap import TIMEOUT, Connection, DapError, Message, suppress_if_closed

INTRODUCTION: Mapping[str, object] = {
    "clientID": "vscode",
    "adapterID": "debugpy",
    "pathFormat": "path",
    "linesStartAt1": True,
    "columnsStartAt1": True,
    "supportsVariableType": True,
    "supportsRunInTerminalRequest": True,
    "supportsStartDebuggingRequest": False,
}


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

    def stack(self) -> list[str]:
        """The functions it is in, innermost first."""
        return [frame["name"] for frame in frames(self.connection, self.thread)]

    def thread_name(self) -> str:
        threads = self.connection.request("threads")["threads"]
        return next((str(t["name"]) for t in threads if t["id"] == self.thread), "")

    def evaluate(self, expression: str, *, context: str = "watch") -> str:
        """The repr of an expression in the innermost frame; DapRefused tells what it raised."""
        arguments = {"expression": expression, "frameId": self.frame, "context": context}
        return str(self.connection.request("evaluate", arguments)["result"])

    def locals(self) -> dict[str, str]:
        scopes = self.connection.request("scopes", {"frameId": self.frame})["scopes"]
        reference = next(s for s in scopes if s["name"] == "Locals")["variablesReference"]
        body = self.connection.request("variables", {"variablesReference": reference})
        return {each["name"]: each["value"] for each in body["variables"]}

    def resume(self, how: str = "continue") -> None:
        """Let it go on: `continue`, `next`, `stepIn` or `stepOut`."""
        self.connection.request(how, {"threadId": self.thread})


class DapSession:
    """Attached from `with` on; leaving says goodbye in every session, which resumes all threads."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        path_mappings: Sequence[tuple[str | Path, str | Path]] = (),
        breakpoints: Mapping[str, Sequence[int]] | None = None,
        exceptions: Sequence[str] = ("uncaught",),
        just_my_code: bool = True,
        name: str = "aml-emu",
        timeout: float = TIMEOUT,
    ) -> None:
        self._address = (host, port)
        self._mappings = [
            {"localRoot": str(local), "remoteRoot": str(remote)} for local, remote in path_mappings
        ]
        self._exceptions = list(exceptions)
        self._just_my_code = just_my_code
        self._name = name
        self._timeout = timeout
        self._breakpoints = {file: list(lines) for file, lines in (breakpoints or {}).items()}
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
        self.detach()

    @property
    def workers(self) -> list[int]:
        """The processes that this client has a session with, oldest first."""
        with self._news:
            return [c.pid for c in self._children if not c.closed and c.pid is not None]

    @property
    def is_over(self) -> bool:
        """Whether the other side has ended the root session."""
        return self.root.closed

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
        found: list[int] = []

        def wanted() -> bool:
            found[:] = [
                child
                for child in reversed(self.workers)
                if child == pid or (pid is None and child != other_than)
            ]
            return bool(found)

        self._wait(wanted, f"a session with worker {pid or 'any'}")
        return found[0]

    def wait_for_stop(self, timeout: float | None = None) -> Stop:
        self._wait(lambda: bool(self._stops), "a stop", timeout)
        with self._news:
            connection, event = self._stops.popleft()
        top = frames(connection, event["threadId"])[0]
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

    def has_stopped(self, *, within: float = 0.0) -> bool:
        with self._news:
            return self._news.wait_for(lambda: bool(self._stops), within)

    def detach(self) -> None:
        """Leave as an IDE does: a goodbye in every session, then the sockets close."""
        for connection in [*self._children, self.root]:
            with suppress_if_closed(connection):
                connection.request("disconnect", {"terminateDebuggee": False})
            connection.close()

    def _introduction(self) -> Message:
        return {**INTRODUCTION, "clientName": self._name}

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
        connection.request("initialize", self._introduction())
        attached = connection.send("attach", arguments)
        connection.wait_for_event("initialized", unless_answered=attached)
        if connection.is_answered(attached):
            connection.answer(attached)  # raises what the adapter said against it
        for file in list(self._breakpoints):
            self._send_breakpoints(connection, file)
        connection.request("setExceptionBreakpoints", {"filters": self._exceptions})
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

    def _heard(self, connection: Connection, message: Message) -> None:
        """On a listener's thread: whatever must wait for an answer goes to another thread."""
        event, body = message.get("event"), message.get("body") or {}
        child = None
        with self._news:
            if event == "stopped":
                self._stops.append((connection, body))
            elif event == "output":
                self.output.append(str(body.get("output", "")))
            elif event in {"closed", "terminated"}:
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
        if child is not None:
            self._announced(child)

    def _announced(self, arguments: Message) -> None:
        """A worker waits for its session."""
        threading.Thread(target=self._follow, args=(arguments,), daemon=True).start()

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
                    f"waited in vain for {what}; announced {self.announced}, workers "
                    f"{[c.pid for c in self._children if not c.closed]}, errors {self._errors}"
                )


def frames(connection: Connection, thread: int) -> list[Message]:
    """A stopped thread's frames, innermost first."""
    found: list[Message] = connection.request("stackTrace", {"threadId": thread})["stackFrames"]
    return found
