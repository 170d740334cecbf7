"""The calling side of gRPC over HTTP/2, as the engine plays it in a session. Does no I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived


@dataclass
class Answer:
    """What came back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    @property
    def status(self) -> int:
        return int(self.headers["grpc-status"])

    @property
    def message(self) -> bytes:
        compressed, length = struct.unpack_from(">BI", self.body)
        assert compressed == 0
        assert length == len(self.body) - 5
        return bytes(self.body[5:])


class GrpcCaller:
    """`acknowledge=False` withholds flow control credit until `credit` is called."""

    def __init__(self, *, acknowledge: bool = True) -> None:
        self.http = H2Connection(H2Configuration(client_side=True))
        self.http.initiate_connection()
        self.answers: dict[int, Answer] = {}
        self._acknowledge = acknowledge

    def call(self, method: str, message: bytes = b"", *, raw: bytes | None = None) -> int:
        stream = self.http.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.http.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", method),
                (":authority", "localhost"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ],
        )
        body = struct.pack(">BI", 0, len(message)) + message if raw is None else raw
        self.http.send_data(stream, body, end_stream=True)
        return stream

    def outgoing(self) -> bytes:
        return self.http.data_to_send()

    def receive(self, data: bytes) -> None:
        for event in self.http.receive_data(data):
            if isinstance(event, ResponseReceived | TrailersReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                self.answers[event.stream_id].headers.update(headers)
            elif isinstance(event, DataReceived):
                self.answers[event.stream_id].body += event.data
                if self._acknowledge:
                    self.credit(event.stream_id, event.flow_controlled_length)
            elif isinstance(event, StreamEnded):
                self.answers[event.stream_id].is_complete = True

    def credit(self, stream: int, size: int) -> None:
        self.http.acknowledge_received_data(size, stream)
