"""The answering side of gRPC over HTTP/2, unary calls only. Bytes in, bytes out; does no I/O."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)

from toolkit.engines.buildkit.grpc_status import GrpcError, Status
from toolkit.engines.buildkit.services import Service

_RESPONSE_HEADERS = ((":status", "200"), ("content-type", "application/grpc"))
_UNQUOTED = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
_PREFIX = struct.Struct(">BI")  # compressed flag, length of the message


@dataclass
class _Call:
    method: str
    request: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    answered: bool = False


class GrpcPeer:
    """One HTTP/2 connection on which the other side calls `methods` by path."""

    def __init__(self, methods: Mapping[str, Service]) -> None:
        self._methods = methods
        self._calls: dict[int, _Call] = {}
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.is_over = False

    def greeting(self) -> bytes:
        self._http.initiate_connection()
        return self._http.data_to_send()

    def receive(self, data: bytes) -> bytes:
        """Take what came in; what must go out. h2's ProtocolError if it was not HTTP/2."""
        for event in self._http.receive_data(data):
            self._take(event)
        return self._http.data_to_send()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = dict(event.headers)
            self._calls[event.stream_id] = _Call(headers.get(b":path", b"").decode("latin-1"))
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._calls[event.stream_id].request += event.data
        elif isinstance(event, StreamEnded):
            self._answer(event.stream_id)
        elif isinstance(event, StreamReset):
            self._calls.pop(event.stream_id, None)
        elif isinstance(event, WindowUpdated | RemoteSettingsChanged):
            for stream in list(self._calls):
                self._send_pending(stream)
        elif isinstance(event, ConnectionTerminated):
            self.is_over = True

    def _answer(self, stream: int) -> None:
        call = self._calls[stream]
        try:
            reply = self._reply(call)
        except GrpcError as refusal:
            del self._calls[stream]
            self._http.send_headers(
                stream,
                [
                    *_RESPONSE_HEADERS,
                    ("grpc-status", str(int(refusal.status))),
                    ("grpc-message", quote(str(refusal), safe=_UNQUOTED)),
                ],
                end_stream=True,
            )
            return
        self._http.send_headers(stream, _RESPONSE_HEADERS)
        call.unsent += _PREFIX.pack(0, len(reply)) + reply
        call.answered = True
        self._send_pending(stream)

    def _reply(self, call: _Call) -> bytes:
        method = self._methods.get(call.method)
        if method is None:
            raise GrpcError(Status.UNIMPLEMENTED, f"unknown method {call.method}")
        if len(call.request) < _PREFIX.size:
            raise GrpcError(Status.INTERNAL, "request without a message")
        compressed, length = _PREFIX.unpack_from(call.request)
        message = bytes(call.request[_PREFIX.size :])
        if compressed or len(message) != length:
            raise GrpcError(Status.INTERNAL, "request is compressed or cut short")
        return method(message)

    def _send_pending(self, stream: int) -> None:
        """Send what the other side's flow control window has room for; the rest waits."""
        call = self._calls[stream]
        if not call.answered:
            return
        while call.unsent:
            room = min(
                self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size
            )
            if room <= 0:
                return
            self._http.send_data(stream, bytes(call.unsent[:room]))
            del call.unsent[:room]
        del self._calls[stream]
        self._http.send_headers(stream, [("grpc-status", "0")], end_stream=True)
