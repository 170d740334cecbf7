"""What is different about our debugpy: it is pinned, and these are the reasons.

Nothing here is ever loaded without `--debug`.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator

POLL_SECONDS = 0.005


def keep_no_log(api: Any) -> None:
    """Before its first stop debugpy describes all installed packages to its log, for a second."""
    if "DEBUGPY_LOG_DIR" not in os.environ:
        api.ensure_logging.ensured = True


class _Hurry:
    """The clock that pydevd sees while it connects: a pause ends once the client has configured.

    It sleeps a fixed tenth of a second for its own threads, more than all of that takes.
    """

    def __init__(self, pydevd: Any) -> None:
        self._pydevd = pydevd

    def sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._pydevd._is_attached():  # noqa: SLF001  # pinned
            time.sleep(POLL_SECONDS)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@contextmanager
def hurried(pydevd: Any) -> Iterator[None]:
    pydevd.time = _Hurry(pydevd)
    try:
        yield
    finally:
        pydevd.time = time


def send_without_delay(pydevd: Any) -> None:
    """Head and body are sent apart by pydevd: the kernel would hold each body back for 40 ms."""
    connect = pydevd.start_client

    def start_client(host: str, port: int) -> socket.socket:
        connection: socket.socket = connect(host, port)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    pydevd.start_client = start_client


def stop_by_hand(error: BaseException) -> None:
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


def forget_code() -> None:
    """Empty what pydevd remembers of code by the code itself, which it would keep for ever."""
    database = sys.modules["pydevd"].get_global_debugger()
    if database is not None:
        database._clear_caches()  # noqa: SLF001  # pinned
        database.get_cache_file_type().clear()


def dispose_former() -> None:
    """Let go of an adapter that died, so that the next connection starts from nothing."""
    pydevd = sys.modules["pydevd"]
    former = pydevd.get_global_debugger()
    if former is not None:
        former.dispose_and_kill_all_pydevd_threads(wait=True, timeout=0.5)
    pydevd.SetupHolder.setup = None
    # A thread that stood at a breakpoint then is still marked as standing, and would stop again
    # in the middle of nowhere.
    importlib.import_module("_pydevd_bundle.pydevd_thread_lifecycle").resume_threads("*")
