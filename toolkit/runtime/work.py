"""A thread that does one thing after the other, for as long as anybody holds on to it."""

from __future__ import annotations

import sys
import threading
import traceback
import weakref
from queue import SimpleQueue
from typing import Any, Callable, Optional, Tuple

Task = Optional[Tuple[Callable[..., Any], Tuple[Any, ...]]]


class Work:
    """Its thread is a daemon: what hangs in it keeps no worker from leaving."""

    def __init__(self) -> None:
        self._tasks: "SimpleQueue[Task]" = SimpleQueue()
        self._is_running = False
        weakref.finalize(self, self._tasks.put, None)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
        if not self._is_running:
            self._is_running = True
            threading.Thread(
                target=_work_off, args=(self._tasks,), name="aml-emu", daemon=True
            ).start()
        self._tasks.put((function, arguments))


def _work_off(tasks: "SimpleQueue[Task]") -> None:
    while True:
        task = tasks.get()
        if task is None:
            return
        function, arguments = task
        try:
            function(*arguments)
        except Exception:  # noqa: BLE001  # the boundary: the next task must find its thread
            sys.stderr.write(f"aml-emu: {traceback.format_exc()}")
