"""How a worker goes: it takes no more connections, says so, and answers those it has taken."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from typing import Any, Callable

LINGER_SECONDS = 0.5


def announce_retirement(worker: Any, tell: Callable[[], None]) -> None:
    """Have SIGTERM close the worker's door at once, and tell when it is closed.

    gunicorn looks up from its sockets first, and may take one more connection with the old code
    after the new code was promised.
    """
    stop, accept = worker.handle_exit, worker.accept
    retired = False  # no lock of any kind: gunicorn sends SIGTERM again while this handler runs

    def handle_exit(signal: int, frame: Any) -> None:
        nonlocal retired
        if retired:
            return
        retired = True
        if _forgets_connections(worker):
            _close_door(worker)
            threading.Thread(
                target=_linger, args=(worker, lambda: stop(signal, frame)), daemon=True
            ).start()
        else:
            stop(signal, frame)
        tell()

    def accept_unless_retired(*arguments: Any) -> Any:
        if not retired:
            return accept(*arguments)
        if hasattr(worker, "get_thread_pool"):
            return None
        raise BlockingIOError(errno.EAGAIN, "this worker takes no more connections")

    worker.handle_exit = handle_exit
    worker.accept = accept_unless_retired


def _forgets_connections(worker: Any) -> bool:
    """Whether it is a threaded worker of gunicorn before 25.

    On SIGTERM those accept one more connection, wait up to a second, and close what they
    accepted but had not read yet.
    """
    return hasattr(worker, "poller") and not hasattr(worker, "set_accept_enabled")


def _linger(worker: Any, stop: Callable[[], None]) -> None:
    """Stop once the main thread has had the time to read what it accepted."""
    pause, started = threading.Event(), time.monotonic()
    while True:
        idle = getattr(worker.tpool, "idle_seconds", time.monotonic() - started)
        if min(idle, time.monotonic() - started) >= LINGER_SECONDS:
            break
        pause.wait(LINGER_SECONDS / 10)
    stop()


def _close_door(worker: Any) -> None:
    for listener in worker.sockets:
        with contextlib.suppress(KeyError, ValueError):  # not open yet, or closed already
            worker.poller.unregister(listener)
