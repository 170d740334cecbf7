"""debugpy inside a worker: loaded from its own folder, joined to the agent's adapter, asked to stop.

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

    def load(self) -> None:
        """Import debugpy from our folder; afterwards that folder is last on the path."""
        if "debugpy" in sys.modules:
            return
        quiet = "PYDEVD_DISABLE_FILE_VALIDATION"
        before = os.environ.get(quiet)
        os.environ[quiet] = "1"
        sys.path.insert(0, self._home)
        try:
            import debugpy.server.api  # noqa: F401, PLC0415  # only ever loaded on demand
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
            if door == self._door:
                return False
            self.load()
            import debugpy  # noqa: PLC0415
            import pydevd  # noqa: PLC0415
            from debugpy.server import api  # noqa: PLC0415

            _dispose_former(pydevd)
            ours = os.path.dirname(os.path.abspath(__file__))
            api._settrace(  # noqa: SLF001  # see above; debugpy is pinned
                host=door["host"],
                port=door["port"],
                access_token=door["token"],
                ppid=door["root_pid"],
                suspend=False,
                block_until_connected=True,
                wait_for_ready_to_run=False,
                patch_multiprocessing=True,
                dont_trace_start_patterns=(os.path.dirname(debugpy.__file__), ours),
                dont_trace_end_patterns=("debugpy_launcher.py",),
            )
            self._door = door
            return True

    def wait_configured(self, seconds: float) -> bool:
        """Whether a client has set its breakpoints in this process before the time was up."""
        import debugpy  # noqa: PLC0415

        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not debugpy.is_client_connected() and time.monotonic() < deadline:
            pause.wait(POLL_SECONDS)
        return bool(debugpy.is_client_connected())

    def stop_at(self, error: BaseException) -> None:
        """Stop at the line that raised, as if nobody had caught it."""
        if self._door is None:
            return
        import debugpy  # noqa: PLC0415

        debugpy.trigger_exception_handler(error, as_uncaught=False)


def _dispose_former(pydevd: Any) -> None:
    """Let go of an adapter that died, so that the next connection starts from nothing."""
    former = pydevd.get_global_debugger()
    if former is not None:
        former.dispose_and_kill_all_pydevd_threads(wait=True, timeout=0.5)
    pydevd.SetupHolder.setup = None
    # A thread that stood at a breakpoint then is still marked as standing, and would stop again
    # in the middle of nowhere.
    importlib.import_module("_pydevd_bundle.pydevd_thread_lifecycle").resume_threads("*")
