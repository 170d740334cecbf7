"""How a worker goes: it says so, takes no more connections, and answers those it has taken."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Callable

LINGER_SECONDS = 0.5


def announce_retirement(worker: Any, tell: Callable[[], None]) -> None:
    """Have the worker tell when SIGTERM reached it, before gunicorn's own handler acts."""
    stop = worker.handle_exit

    def handle_exit(signal: int, frame: Any) -> None:
        if _forgets_connections(worker):
            _close_door(worker)
            timer = threading.Timer(LINGER_SECONDS, stop, (signal, frame))
            timer.daemon = True
            timer.start()
        else:
            stop(signal, frame)
        tell()

    worker.handle_exit = handle_exit


def _forgets_connections(worker: Any) -> bool:
    """Whether it is a threaded worker of gunicorn before 25.

    On SIGTERM those accept one more connection, wait up to a second, and close what they
    accepted but had not read yet.
    """
    return hasattr(worker, "poller") and not hasattr(worker, "set_accept_enabled")


def _close_door(worker: Any) -> None:
    for listener in worker.sockets:
        with contextlib.suppress(KeyError, ValueError):  # not open yet, or closed already
            worker.poller.unregister(listener)
