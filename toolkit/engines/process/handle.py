"""One launch, as an engine's handle; speaks for what this or an earlier command started."""

from __future__ import annotations

import array
import collections
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

import psutil

from toolkit.engines import ports
from toolkit.engines.base import Address, ExecResult, State
from toolkit.engines.process.cachefolder import is_held
from toolkit.engines.process.records import KILLED, LaunchFolder, Record
from toolkit.engines.process.root import exchanged
from toolkit.errors import NotReady

_INTERVAL: Final = 0.02
_SHORTEST: Final = 0.001
_KILL_SECONDS: Final = 10.0
_PORT_SECONDS: Final = 1.0  # if it is longer in use, it is somebody else's by now
_BLOCK: Final = 1 << 16


class ProcessHandle:
    """Everything about the launch is in its folder, so any number of handles may speak for it."""

    def __init__(self, folder: LaunchFolder, record: Record, *, leash: int | None = None) -> None:
        self._folder = folder
        self._record = record
        self._leash = leash

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self._record.labels)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables it was started with; paths in them are as it sees them."""
        return dict(self._record.inside["env"])

    def state(self) -> State:
        now = self._folder.read()
        if now is None or now.id != self.id:
            return State(status="gone")
        code = self._folder.exit_code()
        if code is None and is_held(self._folder.lock):
            return State(status="running")
        if code is None:
            code = self._folder.exit_code()  # it ended between the two questions
        if code is None and self._folder.read() is None:
            return State(status="gone")
        return State(status="exited", exit_code=KILLED if code is None else code)

    def address(self, port: int) -> Address:
        if not self.state().is_running:
            raise KeyError(port)
        return Address(host=ports.LOOPBACK, port=self._record.ports[str(port)])

    def path_inside(self, path: PurePosixPath) -> PurePosixPath:
        return PurePosixPath(exchanged(str(path), self._record.paths))

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        try:
            log = self._folder.log.open("rb")
        except FileNotFoundError:
            return
        with log:
            if tail is not None:
                yield b"".join(collections.deque(log, maxlen=tail))
            pause = _SHORTEST
            while True:
                running = follow and self.state().is_running  # asked first: no last word is missed
                if chunk := log.read(_BLOCK):
                    yield chunk
                    pause = _SHORTEST  # the next word, or the end, is often near
                elif not running:
                    return
                else:
                    time.sleep(pause)
                    pause = min(2 * pause, _INTERVAL)

    def exec(self, command: Sequence[str]) -> ExecResult:
        argv = [exchanged(word, self._record.paths) for word in command]
        output, given = os.pipe()
        with os.fdopen(output, "rb") as words:
            try:
                connection = self._ask({"op": "exec", "argv": argv}, given)
            except OSError as error:
                raise NotReady(f"`{self.name}` is not running", details=str(error)) from error
            finally:
                os.close(given)
            with connection:
                said = words.read().decode(errors="replace")
                answer = connection.recv(_BLOCK)
        code = json.loads(answer)["exit_code"] if answer else KILLED
        return ExecResult(exit_code=int(code), output=said)

    def wait(self, timeout: float | None = None) -> State:
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _SHORTEST  # most that end soon end at once
        while (state := self.state()).is_running:
            if deadline is not None and time.monotonic() >= deadline:
                break
            time.sleep(pause)
            pause = min(2 * pause, _INTERVAL)
        return state

    def stop(self, *, grace: float = 10.0) -> None:
        try:
            self._end(grace)
        finally:
            if self._leash is not None:
                os.close(self._leash)
                self._leash = None

    def _end(self, grace: float) -> None:
        if self.state().is_running and grace > 0:
            self._signal(signal.SIGTERM)
            self.wait(grace)
        if self.state().is_running:
            self._signal(signal.SIGKILL)
            if self.wait(_KILL_SECONDS).is_running:
                self._kill_keeper()
        if self.state().status == "gone":
            return
        if self._folder.exit_code() is None:
            self._folder.bury(self._record)
        self._until(lambda: not is_held(self._folder.lock))
        held = self._record.ports.values()
        self._until(lambda: all(map(ports.is_free, held)), _PORT_SECONDS)
        self._folder.remove(self._record)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(OSError):  # it is ending already
            self._ask({"op": "signal", "number": int(number)}).close()

    def _ask(self, request: Mapping[str, Any], *files: int) -> socket.socket:
        """Send a request to the launch's first process; the answer comes on the connection."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with short_path(self._folder.socket) as path:
                connection.connect(path)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))
            connection.sendmsg([json.dumps(request).encode()], [rights] if files else [])
        except OSError:
            connection.close()
            raise
        return connection

    def _kill_keeper(self) -> None:
        """End a launch whose first process does not answer: all of it goes with its keeper."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = process.cmdline()
                if "inside.keeper" in " ".join(words[:5]) and str(self._folder.path) in words:
                    process.kill()

    def _until(self, fact: Any, seconds: float = _KILL_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        pause = _SHORTEST
        while not fact() and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, _INTERVAL)


@contextmanager
def short_path(socket_path: Path) -> Iterator[str]:
    """A name of at most 107 bytes for a socket, however long the path of its folder is."""
    folder = os.open(socket_path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_path.name}"
    finally:
        os.close(folder)
