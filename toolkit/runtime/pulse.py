"""Keeps what a debugger's client looks at alive, and only that: no time-out cuts off a pause."""

from __future__ import annotations

import signal
import threading
from typing import Any

PULSE_SECONDS = 0.4  # below the shortest time-out that can be asked for, which is a second


class Pulse:
    """A thread of a worker: its heartbeat for gunicorn while the main thread may stand still."""

    def __init__(self, session: Any, *, pause: Any = None) -> None:
        self._session = session
        self._pause = pause or threading.Event()
        self._thread = threading.Thread(target=self.beat, name="aml-emu pulse", daemon=True)
        # The debugger neither traces nor shows threads that carry these marks.
        self._thread.pydev_do_not_trace = True  # type: ignore[attr-defined]  # pydevd's
        self._thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]  # pydevd's

    def start(self) -> None:
        self._thread.start()

    def beat(self) -> None:
        while not self._pause.wait(PULSE_SECONDS):
            if self._session.is_attended:
                lift_alarm(self._session.worker)
                try:
                    self._session.worker.notify()
                except ValueError:
                    return  # the worker is leaving and has closed the file that it reports by


def lift_alarm(worker: Any) -> None:
    """Disarm the scoring time-out of the one request that began before the client came."""
    if getattr(getattr(worker, "tpool", None), "is_busy", False):
        signal.setitimer(signal.ITIMER_REAL, 0)
