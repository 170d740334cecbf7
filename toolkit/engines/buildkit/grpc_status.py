"""How a gRPC call is refused. Apart from the peer, so that naming a status does not load HTTP/2."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The codes of the gRPC specification that we answer with."""

    UNKNOWN = 2
    NOT_FOUND = 5
    UNIMPLEMENTED = 12
    INTERNAL = 13


class GrpcError(Exception):
    """A call is refused, and the caller told why."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
