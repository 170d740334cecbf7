"""A build as the lines that `show_output=True` prints: its steps, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    InputsChanged,
    StepCached,
    StepFailed,
    StepLog,
    StepStarted,
    brief,
)
from toolkit.plans.titles import title_of

_INTERNAL: Final = "internal"
_WIDTH: Final = 90


class BuildLines:
    """Pass it as `on_event`. One object may see several builds in a row."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._titles: dict[int, str] = {}
        self._begun: dict[int, str] = {}

    def __call__(self, event: BuildEvent) -> None:
        match event:
            case InputsChanged(changes=changes) if changes:
                self._say(f"changed since {event.since}: {'; '.join(changes)}")
            case StepStarted() if event.place != _INTERNAL and event.step not in self._titles:
                self._start(event)
            case StepCached() if event.step in self._titles:
                self._say(f" ---> cached: {self._titles[event.step]}")
            case StepLog():
                self._log(event)
            case StepFailed():
                self._say(event.error)
            case ImageReady():
                self._titles.clear()
                self._begun.clear()
            case _:
                pass  # how long it took, and bytes on their way

    def _start(self, event: StepStarted) -> None:
        title = title_of(event.name) or brief(event.name, _WIDTH)
        self._titles[event.step] = title
        self._say(f"Step {event.place} : {title}" if event.place else title)

    def _log(self, event: StepLog) -> None:
        """Whole lines; the rest waits for its end."""
        *lines, rest = (self._begun.get(event.step, "") + event.text).split("\n")
        self._begun[event.step] = rest
        for line in lines:
            self._say(line.rstrip("\r"))
