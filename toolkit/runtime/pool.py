"""Where a worker under `--debug` runs its requests: in threads, while a client is there.

Without a client it runs them as the plain server does: one by one, in the main thread, where the
scoring time-out is armed and gunicorn's heartbeat stops with a request that hangs.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable


class Pool(ThreadPoolExecutor):
    """Takes the place of gunicorn's own; `attended` tells whether a client may pause a request."""

    def __init__(
        self, threads: int, *, attended: Callable[[], bool], before: Callable[[], None]
    ) -> None:
        super().__init__(max_workers=threads)
        self._attended = attended
        self._before = before
        self._ended = 0.0
        self.is_busy = False

    @property
    def idle_seconds(self) -> float:
        """How long the main thread has been free of requests."""
        return 0.0 if self.is_busy else time.monotonic() - self._ended

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if self._attended():
            return super().submit(fn, *args, **kwargs)
        done: "Future[Any]" = Future()
        self._before()
        self.is_busy = True
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # an executor hands everything to who asks
            done.set_exception(error)
        finally:
            self.is_busy = False
            self._ended = time.monotonic()
        return done
