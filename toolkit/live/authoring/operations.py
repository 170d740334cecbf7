"""Long work that a script asked for: what it says as it goes, and how it ended. Serves nothing."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from toolkit.errors import EmuError, NotFound

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
Work = Callable[[Say], Mapping[str, Any]]
State = Literal["Running", "Succeeded", "Failed"]

_MOST_LINES: Final = 2000  # in one answer


@dataclass
class Operation:
    """One of them. `title` says what it is, for people who wait for it."""

    title: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "Running"
    result: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    lines: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def say(self, text: str) -> None:
        self.lines += text.splitlines() or [""]

    def as_json(self, after: int = 0) -> dict[str, Any]:
        """What was said since line `after`, and the state; `next` is what to ask for next."""
        state = self.state  # asked first: with an end come all the lines
        said = self.lines[after : after + _MOST_LINES]
        following = after + len(said)
        return {
            "id": self.id,
            "state": state if following >= len(self.lines) else "Running",
            "lines": said,
            "next": following,
            "result": dict(self.result),
            "error": self.error,
        }

    def perform(self, work: Work) -> None:
        """To its end; what goes wrong is kept for whoever asks."""
        try:
            self.result = work(self.say)
        except EmuError as error:
            self.error = told(error)
        except Exception as error:  # the boundary of the thread: whoever waits is told
            logger.exception("%s", self.title)
            self.error = bug(error)
        self.state = "Failed" if self.error else "Succeeded"
        self.ended.set()


class Operations:
    """All that were started; threads of their own, which end with the process at the latest."""

    def __init__(self) -> None:
        self._known: dict[str, Operation] = {}

    def start(self, title: str, work: Work) -> Operation:
        operation = Operation(title)
        self._known[operation.id] = operation
        threading.Thread(
            target=operation.perform, args=(work,), name=f"authoring {title}", daemon=True
        ).start()
        return operation

    def get(self, id_: str) -> Operation:
        if id_ not in self._known:
            raise NotFound(f"no such operation: {id_}")
        return self._known[id_]

    def unfinished(self) -> list[Operation]:
        return [each for each in self._known.values() if not each.ended.is_set()]

    def wait(self, *, seconds: float = 0.2) -> None:
        """Until all have ended; in slices, so that Ctrl-C gets through on every system."""
        for each in self.unfinished():
            while not each.ended.wait(seconds):
                pass


def bug(error: Exception) -> dict[str, Any]:
    """What nobody expected, as its caller's SDK gets it."""
    return {"message": f"this is a bug of aml-emu: {error!r}", "exit_code": 70}


def told(error: EmuError) -> dict[str, Any]:
    """An error as its caller's SDK gets it."""
    return {
        "message": error.message,
        "details": error.details,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
