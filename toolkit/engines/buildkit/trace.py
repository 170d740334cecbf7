"""From BuildKit's `moby.buildkit.trace` messages to build events. Keeps step state, does no I/O."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from toolkit.engines.buildkit.protobuf import fields
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


# Field numbers of moby/buildkit, api/services/control/control.proto.
class _Response(IntEnum):
    VERTEX = 1
    STATUS = 2
    LOG = 3


class _Vertex(IntEnum):
    DIGEST = 1
    NAME = 3
    CACHED = 4
    STARTED = 5
    COMPLETED = 6
    ERROR = 7


class _Status(IntEnum):
    ID = 1
    VERTEX = 2
    NAME = 3
    CURRENT = 4
    TOTAL = 5


class _Log(IntEnum):
    VERTEX = 1
    MESSAGE = 4


class _Timestamp(IntEnum):
    SECONDS = 1
    NANOSECONDS = 2


@dataclass
class _Step:
    """What has been told of one vertex so far."""

    number: int
    started: float | None = None
    ended: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )


class Trace:
    """Reads one build's progress. Steps are numbered from 1 in the order in which they start."""

    def __init__(self) -> None:
        self._steps: dict[bytes, _Step] = {}

    def read(self, aux: str) -> Iterator[BuildEvent]:
        """The events of one base64 `StatusResponse`; ValueError if it cannot be read."""
        for number, value in fields(base64.b64decode(aux, validate=True)):
            if number == _Response.VERTEX:
                yield from self._vertex(_Message(value))
            elif number == _Response.STATUS:
                yield from self._status(_Message(value))
            elif number == _Response.LOG:
                yield from self._log(_Message(value))

    def _step(self, digest: bytes) -> _Step:
        return self._steps.setdefault(digest, _Step(number=len(self._steps) + 1))

    def _vertex(self, vertex: _Message) -> Iterator[BuildEvent]:
        digest = vertex.raw(_Vertex.DIGEST)
        if _Vertex.STARTED not in vertex:  # merely planned
            return
        step = self._step(digest)
        started = vertex.moment(_Vertex.STARTED)
        completed = _Vertex.COMPLETED in vertex
        # A rerun whose start and end come in one message took no time worth telling of.
        if started != step.started and not (step.ended and completed):
            step.started, step.ended = started, False
            yield _started(step.number, vertex.text(_Vertex.NAME))
        if completed and not step.ended:
            step.ended = True
            yield _ended(step.number, vertex)

    def _status(self, status: _Message) -> Iterator[BuildEvent]:
        current, total = status.number(_Status.CURRENT), status.number(_Status.TOTAL)
        if current or total:
            yield Transfer(
                step=self._step(status.raw(_Status.VERTEX)).number,
                what=status.text(_Status.NAME) or status.text(_Status.ID),
                current=current,
                total=total,
            )

    def _log(self, log: _Message) -> Iterator[BuildEvent]:
        step = self._step(log.raw(_Log.VERTEX))
        # A character may be split between two messages.
        text = step.decoder.decode(log.raw(_Log.MESSAGE))
        if text:
            yield StepLog(step=step.number, text=text)


class _Message:
    """A protobuf message by field number, of repeated fields the last; ValueError if misshapen."""

    def __init__(self, value: int | bytes) -> None:
        self._fields: Mapping[int, int | bytes] = dict(fields(_as_bytes(value)))

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def raw(self, number: int) -> bytes:
        return _as_bytes(self._fields.get(number, b""))

    def text(self, number: int) -> str:
        return self.raw(number).decode("utf-8", errors="replace")

    def number(self, number: int) -> int:
        value = self._fields.get(number, 0)
        if not isinstance(value, int):
            raise ValueError(f"protobuf field is not a number: {number}")  # noqa: TRY004 - bad data, no bug
        return value

    def moment(self, number: int) -> float:
        timestamp = _Message(self.raw(number))
        return timestamp.number(_Timestamp.SECONDS) + timestamp.number(_Timestamp.NANOSECONDS) / 1e9


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError(f"protobuf message expected, not a number: {value}")  # noqa: TRY004 - bad data, no bug
    return value


def _started(number: int, full_name: str) -> StepStarted:
    placed = _PLACED_NAME.fullmatch(full_name)
    if placed is None:
        return StepStarted(step=number, name=full_name)
    return StepStarted(step=number, name=placed["name"], place=placed["place"])


def _ended(number: int, vertex: _Message) -> BuildEvent:
    if error := vertex.text(_Vertex.ERROR):
        return StepFailed(step=number, error=error)
    if vertex.number(_Vertex.CACHED):
        return StepCached(step=number)
    seconds = vertex.moment(_Vertex.COMPLETED) - vertex.moment(_Vertex.STARTED)
    return StepDone(step=number, seconds=max(0.0, seconds))
