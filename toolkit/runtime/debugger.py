"""Debugging inside a worker: debugpy loaded from our folder, joined to the adapter, told to stop.

The one place that imports debugpy, and only when debugging is wanted.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from typing import Any, Callable, Dict, Optional

from .pinned import (
    dispose_former,
    forget_code,
    hurried,
    keep_no_log,
    send_without_delay,
    stop_by_hand,
)

Door = Dict[str, Any]

POLL_SECONDS = 0.005


class Debugger:
    def __init__(self, home: str) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._door: Optional[Door] = None
        self._asleep = False

    @property
    def has_joined(self) -> bool:
        return self._door is not None

    def load(self) -> None:
        """Import debugpy from our folder; afterwards that folder is last on the path."""
        if "debugpy" in sys.modules:
            return
        quiet = "PYDEVD_DISABLE_FILE_VALIDATION"
        before = os.environ.get(quiet)
        os.environ[quiet] = "1"
        sys.path.insert(0, self._home)
        try:
            import debugpy.server.api  # noqa: F401, PLC0415  # only on demand

            send_without_delay(sys.modules["pydevd"])
            keep_no_log(sys.modules["debugpy.server.api"])
        finally:
            sys.path.remove(self._home)
            sys.path.append(self._home)
            if before is None:
                del os.environ[quiet]

    def join(self, door: Door) -> bool:
        """Connect this process to the adapter as a child of its root session; whether it is new.

        `debugpy.connect(parent_session_pid=…)` would be the public way, but it cannot pass the
        token that an adapter started for a server asks of us, hence the internal call.
        """
        with self._lock:
            if door == self._door and not self._asleep:
                return False
            self.load()
            if door != self._door:
                dispose_former()
            with hurried(sys.modules["pydevd"]):
                self._connect(door)
            self._door = door
            self._asleep = False
            return True

    def _connect(self, door: Door) -> None:
        ours = os.path.dirname(os.path.abspath(__file__))
        api = sys.modules["debugpy.server.api"]
        api._settrace(  # noqa: SLF001  # debugpy is pinned
            host=door["host"],
            port=door["port"],
            access_token=door["token"],
            ppid=door["root_pid"],
            suspend=False,
            block_until_connected=True,
            wait_for_ready_to_run=False,
            patch_multiprocessing=True,
            dont_trace_start_patterns=(os.path.join(self._home, "debugpy"), ours),
            dont_trace_end_patterns=("debugpy_launcher.py",),
        )

    def rest(self) -> bool:
        """Let new threads run at full speed while no client is there; whether that took anything.

        Before Python 3.12 a connected process is traced, client or not, at half its speed. The
        connection stays: the adapter takes a process only once it has forgotten the former.
        """
        with self._lock:
            if self._door is None or self._asleep or sys.version_info >= (3, 12):
                return False
            threading.settrace(None)
            importlib.import_module("_pydev_bundle.pydev_monkey").undo_patch_thread_modules()
            self._asleep = True
            return True

    def leave_thread(self) -> None:
        """End the tracing of the calling thread, once no client is there."""
        if self._asleep:
            sys.settrace(None)

    def enter_thread(self) -> None:
        """Have the calling thread stop at breakpoints, though it is older than the session."""
        sys.modules["pydevd"].get_global_debugger().enable_tracing()

    def is_configured(self, door: Door) -> bool:
        """Whether the client behind that door has set its breakpoints in this process."""
        return self._door == door and bool(sys.modules["debugpy"].is_client_connected())

    def wait_configured(
        self, door: Door, seconds: float, *, unless: Callable[[], bool] = lambda: False
    ) -> bool:
        """The same, as soon as it is true or the time is up, `unless` there is no use any more."""
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not self.is_configured(door):
            if time.monotonic() >= deadline or unless():
                return False
            pause.wait(POLL_SECONDS)
        return True

    def forget_code(self) -> None:
        """Let go of code that was replaced: a joined debugger keeps all that it has seen run."""
        if self._door is not None:
            forget_code()

    def stop_at(self, error: BaseException) -> None:
        """Stop at the line that raised, as if nobody had caught it."""
        if self._door is None:
            return
        debugpy = sys.modules["debugpy"]
        trigger = getattr(debugpy, "trigger_exception_handler", None)
        if trigger is not None:
            trigger(error, as_uncaught=False)
        elif debugpy.is_client_connected():
            stop_by_hand(error)
