"""Debugging inside a worker: debugpy loaded from our folder, joined to the adapter, told to stop.

The one place that imports debugpy, and only when debugging is wanted.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from typing import Any, Dict, Optional

Door = Dict[str, Any]

POLL_SECONDS = 0.005


class Debugger:
    def __init__(self, home: str) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._door: Optional[Door] = None
        self._asleep = False

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
                _dispose_former()
            ours = os.path.dirname(os.path.abspath(__file__))
            api = sys.modules["debugpy.server.api"]
            api._settrace(  # noqa: SLF001  # see above; debugpy is pinned
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
            self._door = door
            self._asleep = False
            return True

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

    def wait_configured(self, seconds: float) -> bool:
        """Whether a client has set its breakpoints in this process before the time was up."""
        debugpy = sys.modules["debugpy"]
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not debugpy.is_client_connected() and time.monotonic() < deadline:
            pause.wait(POLL_SECONDS)
        return bool(debugpy.is_client_connected())

    def stop_at(self, error: BaseException) -> None:
        """Stop at the line that raised, as if nobody had caught it."""
        if self._door is None:
            return
        debugpy = sys.modules["debugpy"]
        trigger = getattr(debugpy, "trigger_exception_handler", None)
        if trigger is not None:
            trigger(error, as_uncaught=False)
        elif debugpy.is_client_connected():
            _stop_by_hand(error)


def _stop_by_hand(error: BaseException) -> None:
    """What `trigger_exception_handler` does, for the last debugpy of Python 3.8 and 3.9."""
    database = sys.modules["pydevd"].get_global_debugger()
    entry, frame = error.__traceback__, None
    while database is not None and entry is not None:
        if database.get_file_type(entry.tb_frame) != database.PYDEV_FILE:
            frame = entry.tb_frame
        entry = entry.tb_next
    if frame is None:
        return
    thread = threading.current_thread()
    info = database.set_additional_thread_info(thread)
    info.is_tracing += 1
    try:
        caught = (type(error), error, error.__traceback__)
        database.do_stop_on_unhandled_exception(thread, frame, {id(frame): frame}, caught)
    finally:
        info.is_tracing -= 1


def _dispose_former() -> None:
    """Let go of an adapter that died, so that the next connection starts from nothing."""
    pydevd = sys.modules["pydevd"]
    former = pydevd.get_global_debugger()
    if former is not None:
        former.dispose_and_kill_all_pydevd_threads(wait=True, timeout=0.5)
    pydevd.SetupHolder.setup = None
    # A thread that stood at a breakpoint then is still marked as standing, and would stop again
    # in the middle of nowhere.
    importlib.import_module("_pydevd_bundle.pydevd_thread_lifecycle").resume_threads("*")
