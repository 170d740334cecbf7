"""From what BuildKit says of its vertices to build events, whatever way it is told."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
)

_PLACED_NAME = re.compile(r"\[(?P<place>[^\]]*)\] (?P<name>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Vertex:
    """News of one vertex; the moments are seconds of any clock, None while they have not come."""

    key: str
    name: str
    started: float | None
    completed: float | None
    is_cached: bool
    error: str


@dataclass
class _Step:
    """What has been told of one vertex so far."""

    number: int
    started: float | None = None
    ended: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )


class StepBook:
    """One build's steps, numbered from 1 in the order in which they start."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    def vertex(self, news: Vertex) -> Iterator[BuildEvent]:
        if news.started is None:  # merely planned
            return
        step = self._step(news.key)
        # A rerun whose start and end come in one message took no time worth telling of.
        if news.started != step.started and not (step.ended and news.completed is not None):
            step.started, step.ended = news.started, False
            yield _started(step.number, news.name)
        if news.completed is not None and not step.ended:
            step.ended = True
            yield _ended(step.number, news, max(0.0, news.completed - news.started))

    def transfer(self, key: str, what: str, *, current: int, total: int) -> Iterator[BuildEvent]:
        if current or total:
            yield Transfer(step=self._step(key).number, what=what, current=current, total=total)

    def log(self, key: str, data: bytes) -> Iterator[BuildEvent]:
        step = self._step(key)
        # A character may be split between two messages.
        text = step.decoder.decode(data)
        if text:
            yield StepLog(step=step.number, text=text)

    def _step(self, key: str) -> _Step:
        return self._steps.setdefault(key, _Step(number=len(self._steps) + 1))


def _started(number: int, full_name: str) -> StepStarted:
    placed = _PLACED_NAME.fullmatch(full_name)
    if placed is None:
        return StepStarted(step=number, name=full_name)
    return StepStarted(step=number, name=placed["name"], place=placed["place"])


def _ended(number: int, news: Vertex, seconds: float) -> BuildEvent:
    if news.error:
        return StepFailed(step=number, error=news.error)
    return StepCached(step=number) if news.is_cached else StepDone(step=number, seconds=seconds)
