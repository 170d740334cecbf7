"""The first process of a launch: starts its command, runs further ones on request, reaps all.

Called with four open files: the launch as JSON, the socket where requests come in, where to say
that the command has started, and one that reports an end when the keeper is gone.
"""

from __future__ import annotations

import array
import json
import os
import selectors
import signal
import socket

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:  # known to type checkers by its name; importing typing would take 5 ms
    from typing import Any

LONGEST_REQUEST = 1 << 17
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Python ignores these for itself; a program expects them as the system has them.
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)


def main(*files: str) -> None:
    """Start the command, stay until it has ended, and end with its exit code."""
    os._exit(_live(*map(int, files)))


def _live(spec: int, listener: int, ack: int, life: int) -> int:
    for file in range(3, 64):
        try:
            os.set_inheritable(file, False)  # noqa: FBT003  # the call takes no keyword
        except OSError:
            continue
    with os.fdopen(spec) as text:
        launch = json.load(text)["inside"]
    with os.fdopen(ack, "w") as told:
        try:
            if launch["namespaces"] is not None:
                from . import namespaces  # noqa: PLC0415  # ctypes, which the others do without

                namespaces.enter(launch["namespaces"])
            elif os.getpid() != 1:
                processes.adopt_orphans()
            first = First(launch, socket.socket(fileno=listener), life)
            first.start()
        except OSError as error:
            named = f": {error.filename}" if error.filename else ""
            told.write(f"{error.strerror}{named}\n")
            return 127
        told.write("started\n")
    code = first.supervise()
    if os.getpid() != 1:  # the death of the first process of a namespace ends all others
        processes.kill_descendants()
    return code


class First:
    """The command, those that were run beside it, and who waits for them."""

    def __init__(self, launch: dict[str, Any], listener: socket.socket, life: int) -> None:
        self._launch = launch
        self._listener = listener
        self._life = life
        self._command = 0
        self._ended: int | None = None
        self._waiting: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def start(self) -> None:
        """Start the command; raises OSError if there is no such program."""
        self._command = spawn(self._launch["argv"], self._launch["env"], self._launch["cwd"])

    def supervise(self) -> int:
        """Serve requests until the command has ended or the keeper is gone."""
        wake, woken = os.pipe()
        for file in (wake, woken):
            os.set_blocking(file, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in FORWARDED:
            signal.signal(number, lambda got, _: self._send(got))
        self._selector.register(wake, selectors.EVENT_READ)
        self._selector.register(self._life, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._reap()
        while self._ended is None:
            for key, _ in self._selector.select():
                if key.fileobj == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif key.fileobj == self._life:
                    return 128 + signal.SIGKILL
                elif key.fileobj is self._listener:
                    self._selector.register(self._listener.accept()[0], selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self._answer(key.fileobj)
        return self._ended

    def _reap(self) -> None:
        for pid, status in processes.reap().items():
            code = processes.exit_code(status)
            if pid == self._command:
                self._ended = code
            if pid in self._waiting:
                _reply(self._waiting.pop(pid), {"exit_code": code})

    def _answer(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        size = array.array("i").itemsize
        try:
            text, extra, _, _ = connection.recvmsg(LONGEST_REQUEST, socket.CMSG_SPACE(size))
            request = json.loads(text)
        except (OSError, ValueError):
            connection.close()
            return
        files = array.array("i")
        for _, _, data in extra:
            files.frombytes(data[: len(data) - len(data) % size])
        if request.get("op") == "signal":
            self._send(int(request["number"]))
            _reply(connection, {"ok": True})
        elif request.get("op") == "exec" and files:
            self._execute(connection, request["argv"], files[0])
        else:
            _reply(connection, {"error": f"no such operation: {request.get('op')}"})
        for file in files:
            os.close(file)

    def _execute(self, connection: socket.socket, argv: list[str], output: int) -> None:
        try:
            pid = spawn(argv, self._launch["env"], self._launch["cwd"], output)
        except OSError as error:
            os.write(output, f"{argv[0]}: {error.strerror}\n".encode())
            code = 126 if isinstance(error, PermissionError) else 127
            _reply(connection, {"exit_code": code})
        else:
            self._waiting[pid] = connection

    def _send(self, number: int) -> None:
        try:
            os.kill(self._command, number)
        except ProcessLookupError:
            return  # it is ending already


def _reply(connection: socket.socket, answer: dict[str, Any]) -> None:
    with connection:
        try:
            connection.send(json.dumps(answer).encode())
        except OSError:
            return  # who asked has gone


def spawn(argv: list[str], env: dict[str, str], cwd: str, output: int | None = None) -> int:
    """Start a program in a session of its own; raises the OSError of its start."""
    failed, failure = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become(argv, env, cwd, output)
        except OSError as error:
            name = error.filename and os.fsdecode(error.filename)
            os.write(failure, json.dumps([error.errno, error.strerror, name]).encode())
        os._exit(127)
    os.close(failure)
    with os.fdopen(failed) as told:
        text = told.read()
    if text:
        os.waitpid(pid, 0)
        raise OSError(*json.loads(text))
    return pid


def _become(argv: list[str], env: dict[str, str], cwd: str, output: int | None) -> None:
    os.setsid()
    if os.getppid() != 1:
        processes.die_with_parent()
    for number in (*RESTORED, *FORWARDED):
        signal.signal(number, signal.SIG_DFL)
    if output is not None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # standard input is the command's own
        os.dup2(output, 1)
        os.dup2(output, 2)
    os.chdir(cwd)
    os.execvpe(argv[0], argv, env)  # noqa: S606  # no shell is wanted
