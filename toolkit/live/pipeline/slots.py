"""How many runs of a pipeline there may be at a time, whoever starts them. Knows no runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.live.run import RunCanceled


class Slots:
    """One for each run: of a step, of an iteration's step, of a sweep's trial."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Waited for if need be; raises RunCanceled once there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed)
            if self._closed:
                raise RunCanceled("the pipeline was stopped before it had begun")
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()

    def close(self) -> None:
        """Nobody who waits gets one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
