"""The runs that a script has submitted: each on a thread, awaited or cancelled at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from toolkit.errors import EmuError
from toolkit.live.authoring.operations import bug, told

logger = logging.getLogger(__name__)

_SLICE: Final = 0.2  # a wait that Ctrl-C can interrupt on every system


@dataclass
class Submission:
    """One run under way. `cancel` ends it; `error` is what kept it from being started."""

    name: str
    cancel: Callable[[], None]
    error: dict[str, Any] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def perform(self, work: Callable[[], object]) -> None:
        try:
            work()
        except EmuError as error:
            self.error = told(error)
        except KeyboardInterrupt:  # it was cancelled while it was prepared
            self.error = {"message": "canceled"}
        except Exception as error:  # the boundary of the thread: whoever waits is told
            logger.exception("run %s", self.name)
            self.error = bug(error)
        finally:
            self.ended.set()


class Submitted:
    """All of one script, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Submission] = {}

    def start(
        self, name: str, work: Callable[[], object], cancel: Callable[[], None]
    ) -> Submission:
        submission = Submission(name, cancel)
        self._known[name] = submission
        threading.Thread(
            target=submission.perform, args=(work,), name=f"run {name}", daemon=True
        ).start()
        return submission

    def get(self, name: str) -> Submission | None:
        return self._known.get(name)

    def unfinished(self) -> list[Submission]:
        return [each for each in self._known.values() if not each.ended.is_set()]

    def wait(self) -> None:
        """Until all have ended."""
        for each in self.unfinished():
            while not each.ended.wait(_SLICE):
                pass

    def cancel(self, *, seconds: float) -> list[str]:
        """End what runs; the names of those that had not ended after so many seconds each."""
        for each in self.unfinished():
            try:
                each.cancel()
            except EmuError as error:  # the others are to end all the same
                logger.warning("run %s is not canceled: %s", each.name, error.message)
        return [each.name for each in self.unfinished() if not each.ended.wait(seconds)]
