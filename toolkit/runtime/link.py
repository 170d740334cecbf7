"""A worker's line to the agent: a thread that reconnects for as long as the worker lives."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Callable, Dict, Optional

from .json_lines import LineError, decode_line, encode_line

Fields = Dict[str, Any]

RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)


class Link:
    def __init__(
        self,
        path: str,
        *,
        hello: Callable[[], Fields],
        heard: Callable[[Fields], None],
    ) -> None:
        self._path = path
        self._hello = hello
        self._heard = heard
        self._closed = threading.Event()
        self._connected = threading.Event()
        # Reentrant: a signal handler may speak while the main thread does.
        self._lock = threading.RLock()
        self._connection: Optional[socket.socket] = None
        self._thread = threading.Thread(target=self._live, name="aml-emu link", daemon=True)
        # The debugger neither traces nor shows threads that carry these marks.
        self._thread.pydev_do_not_trace = True  # type: ignore[attr-defined]  # pydevd's
        self._thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]  # pydevd's

    def start(self) -> None:
        self._thread.start()

    def wait_connected(self, seconds: float) -> bool:
        """Whether the agent knows of this worker, at the latest when the time is up."""
        return self._connected.wait(seconds)

    def tell(self, event: str, **fields: Any) -> None:
        """Say it if the agent is there; an agent that comes later learns the state from `hello`."""
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.sendall(encode_line({"event": event, **fields}))
            except OSError:
                return  # the reading thread sees the same and reconnects

    def _live(self) -> None:
        failures = 0
        while not self._closed.is_set():
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(self._path)
                with self._lock:
                    connection.sendall(encode_line({"event": "hello", **self._hello()}))
                    self._connection = connection
                self._connected.set()
                failures = 0
                self._read(connection)
            except OSError:
                failures += 1
            finally:
                self._connected.clear()
                self._connection = None
                connection.close()
            self._closed.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    def _read(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            for line in lines:
                try:
                    self._heard(decode_line(line))
                except LineError:
                    return


def identity() -> Fields:
    return {"pid": os.getpid(), "master": os.getppid()}
