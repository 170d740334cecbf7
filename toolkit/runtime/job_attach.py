"""In each Python of a job that is debugged: joins the debugger, now, later, or at an error.

Imported by the job's `sitecustomize`, before the first line of the user's code.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from functools import partial
from typing import Any, Callable, Dict, Optional

from .contract import Contract, read_contract
from .debugger import Debugger, Door
from .json_lines import LineError, decode_line, encode_line

CONNECT_SECONDS = 10.0
CONFIGURE_SECONDS = 15.0
Hook = Callable[..., Any]


class Member:
    """The line to the agent; a thread listens to it as long as the process lives."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._debugger = Debugger(contract.debugpy_home)
        self._news = threading.Condition()
        self._door: Optional[Door] = None
        self._welcomed = False
        self._joins = False
        self._connection: Optional[socket.socket] = None

    def open(self) -> None:
        """Connect and begin to listen; OSError if there is no agent."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self._contract.agent_socket)
        self._connection = connection
        thread = threading.Thread(
            target=self._listen, args=(connection,), name="aml-emu link", daemon=True
        )
        # The debugger neither traces nor shows threads that carry these marks.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        thread.start()
        with self._news:
            self._news.wait_for(lambda: self._welcomed, CONNECT_SECONDS)

    def tell(self, event: str, **fields: Any) -> None:
        if self._connection is not None:
            self._connection.sendall(encode_line({"event": event, **fields}))

    def load(self) -> None:
        self._debugger.load()

    def join(self, seconds: float) -> bool:
        """Whether a client came in time and has set its breakpoints here.

        From now on a client that comes later is joined too, as soon as it is there.
        """
        with self._news:
            self._news.wait_for(lambda: self._door is not None, seconds)
            door = self._door
            self._joins = True
        if door is None:
            return False
        self._debugger.join(door)
        return self._debugger.wait_configured(door, CONFIGURE_SECONDS)

    def stop_at(self, error: BaseException) -> None:
        """Stand still where it was raised, if a client is there to see it."""
        if self._door is not None:
            self._debugger.stop_at(error)

    def _listen(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            try:
                for line in lines:
                    self._heard(decode_line(line))
            except (OSError, LineError):
                return

    def _heard(self, message: Dict[str, Any]) -> None:
        with self._news:
            late = self._joins and message.get("op") == "join"
            self._door = message.get("door")
            self._welcomed = True
            self._news.notify_all()
        if late and self._door is not None:
            self._debugger.join(self._door)
        elif message.get("op") == "rest":
            self._debugger.rest()


def begin() -> None:
    """Do what the mode of this job asks for, in a process that has no debugger yet."""
    if _is_debuggers():
        return
    contract = read_contract(os.environ)
    mode = os.environ["AML_EMU_DEBUG"]
    if mode == "wait":
        _attach(contract)
    elif mode == "on-error":
        _watch_errors(partial(_wait_at, contract), threads=True)
    elif mode == "script":
        from .job_listen import replace_listen  # noqa: PLC0415  # loads debugpy

        replace_listen(Member(contract), contract)


def _is_debuggers() -> bool:
    """Whether debugpy started this process: as its adapter, or as a debuggee's child."""
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().split(b"\0")
    return any(b"pydevd" in word or b"debugpy/adapter" in word for word in words)


def _attach(contract: Contract) -> None:
    member = Member(contract)
    try:
        member.open()
        member.join(0.0)
    except OSError as error:
        sys.stderr.write(f"aml-emu: cannot reach the debugger: {error}\n")
        return
    # debugpy sees what the main thread does not catch only where it started that thread
    _watch_errors(member.stop_at, threads=False)


def _watch_errors(stop: Callable[[BaseException], None], *, threads: bool) -> None:
    """Stop at what nobody catches: the traceback is printed first, as it would be anyway."""
    former, of_threads = sys.excepthook, threading.excepthook

    def hook(kind: type, error: BaseException, traceback: Any) -> None:
        former(kind, error, traceback)
        if isinstance(error, Exception):
            sys.stdout.flush()
            stop(error)

    def thread_hook(arguments: Any) -> None:
        of_threads(arguments)
        if isinstance(arguments.exc_value, Exception):
            sys.stdout.flush()
            stop(arguments.exc_value)

    sys.excepthook = hook
    if threads:
        threading.excepthook = thread_hook


def _wait_at(contract: Contract, error: BaseException) -> None:
    """Stand still at the error until a client has looked at it, or none came in time."""
    member, seconds = Member(contract), contract.wait or 0.0
    try:
        member.open()
        member.tell("raised", error=_named(error), seconds=seconds)
        if member.join(seconds):
            member.stop_at(error)
    except OSError as problem:
        sys.stderr.write(f"aml-emu: cannot reach the debugger: {problem}\n")


def _named(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
