"""Frames of the debug adapter protocol on an asyncio stream; knows no message's meaning."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Dict, Optional

Message = Dict[str, Any]

LONGEST_HEADER = 4096
LONGEST_BODY = 64 * 1024 * 1024


class FrameError(Exception):
    """The other side does not speak the protocol."""


async def read_frame(reader: asyncio.StreamReader) -> Optional[bytes]:
    """The next body, or None when the other side closed the connection between two frames."""
    length: Optional[int] = None
    header = 0
    while True:
        line = await _header_line(reader)
        if line is None:
            if header:
                raise FrameError("the connection ended inside a header")
            return None
        header += len(line)
        if header > LONGEST_HEADER:
            raise FrameError("a header without an end")
        if not line.strip():
            break
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = _length(value)
    if length is None:
        raise FrameError("a header without Content-Length")
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise FrameError("the connection ended inside a message") from error


async def _header_line(reader: asyncio.StreamReader) -> Optional[bytes]:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise FrameError("the connection ended inside a header") from error
    except asyncio.LimitOverrunError as error:
        raise FrameError("a header without an end") from error


def _length(value: bytes) -> int:
    try:
        length = int(value)
    except ValueError as error:
        raise FrameError("Content-Length is not a number") from error
    if not 0 <= length <= LONGEST_BODY:
        raise FrameError("Content-Length out of range")
    return length


def parse(body: bytes) -> Message:
    try:
        message = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise FrameError("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise FrameError("a message that is not a JSON object")
    return message


def arguments_of(request: Message) -> Message:
    arguments = request.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise FrameError("arguments that are not a JSON object")
    return arguments


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def encode(message: Message) -> bytes:
    return framed(json.dumps(message).encode("utf-8"))


def response(request: Message, body: Optional[Message] = None) -> bytes:
    return encode(
        {
            "seq": 0,
            "type": "response",
            "request_seq": request.get("seq", 0),
            "success": True,
            "command": request.get("command", ""),
            "body": {} if body is None else body,
        }
    )


def refusal(request: Message, reason: str) -> bytes:
    return encode(
        {
            "seq": 0,
            "type": "response",
            "request_seq": request.get("seq", 0),
            "success": False,
            "command": request.get("command", ""),
            "message": reason,
            "body": {"error": {"id": 1, "format": reason, "showUser": True}},
        }
    )
