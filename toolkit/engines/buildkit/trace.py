"""From BuildKit's `moby.buildkit.trace` messages to build events. Does no I/O."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from enum import IntEnum

from toolkit.engines.buildkit.protobuf import fields
from toolkit.engines.buildkit.stepbook import StepBook, Vertex
from toolkit.engines.events import BuildEvent


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


class Trace:
    """Reads one build's progress."""

    def __init__(self) -> None:
        self._book = StepBook()

    def read(self, aux: str) -> Iterator[BuildEvent]:
        """The events of one base64 `StatusResponse`; ValueError if it cannot be read."""
        for number, value in fields(base64.b64decode(aux, validate=True)):
            if number == _Response.VERTEX:
                yield from self._book.vertex(_vertex(_Message(value)))
            elif number == _Response.STATUS:
                yield from self._status(_Message(value))
            elif number == _Response.LOG:
                log = _Message(value)
                yield from self._book.log(log.text(_Log.VERTEX), log.raw(_Log.MESSAGE))

    def _status(self, status: _Message) -> Iterator[BuildEvent]:
        return self._book.transfer(
            status.text(_Status.VERTEX),
            status.text(_Status.NAME) or status.text(_Status.ID),
            current=status.number(_Status.CURRENT),
            total=status.number(_Status.TOTAL),
        )


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


def _vertex(message: _Message) -> Vertex:
    def moment(number: int) -> float | None:
        return message.moment(number) if number in message else None

    return Vertex(
        key=message.text(_Vertex.DIGEST),
        name=message.text(_Vertex.NAME),
        started=moment(_Vertex.STARTED),
        completed=moment(_Vertex.COMPLETED),
        is_cached=bool(message.number(_Vertex.CACHED)),
        error=message.text(_Vertex.ERROR),
    )
