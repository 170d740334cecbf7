"""What the program in a job's container says of it: one JSON object a line, read as it comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from toolkit.engines.base import Handle

Event = Mapping[str, Any]


class RunEvents:
    """Follows a handle's log in a thread until the thing has ended.

    `heard` is called for each event on that thread. `strange` are lines that are no events, such
    as the words of a shell that found no Python.
    """

    def __init__(self, handle: Handle, heard: Callable[[Event], None]) -> None:
        self._handle = handle
        self._heard = heard
        self._over = threading.Event()
        self.ended: Event | None = None
        self.strange: list[str] = []
        self._thread = threading.Thread(target=self._follow, name="run events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the log has come to its end, and the thing with it."""
        return self._over.is_set()

    def wait_over(self, seconds: float | None) -> bool:
        return self._over.wait(seconds)

    def _follow(self) -> None:
        try:
            for line in lines(self._handle.logs(follow=True)):
                self._take(line)
        finally:
            self._over.set()

    def _take(self, line: bytes) -> None:
        event = event_of(line)
        if event is None:
            self.strange.append(line.decode(errors="replace").rstrip())
            return
        if event["event"] in {"ended", "broken"}:
            self.ended = event
        self._heard(event)


def event_of(line: bytes) -> Event | None:
    """None for a line that is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines of a stream that is cut anywhere; the last one may have no end."""
    left = b""
    for chunk in chunks:
        *whole, left = (left + chunk).split(b"\n")
        yield from whole
    if left:
        yield left
