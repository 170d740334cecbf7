"""Frames of the debug adapter protocol, whole, in pieces and broken."""

from __future__ import annotations

import asyncio

import pytest

from toolkit.runtime.frames import FrameError, encode, parse, read_frame, refusal, response


def read(data: bytes) -> bytes | None:
    async def run() -> bytes | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader)

    return asyncio.run(run())


def test_round_trip_keeps_text_of_any_alphabet() -> None:
    message = {"type": "request", "command": "evaluate", "arguments": {"expression": "ä→💥"}}
    body = read(encode(message))
    assert body is not None
    assert parse(body) == message


def test_header_names_are_case_insensitive_and_others_are_ignored() -> None:
    assert read(b"content-length: 2\r\nContent-Type: x\r\n\r\n{}") == b"{}"


def test_end_between_two_frames_is_no_error() -> None:
    assert read(b"") is None


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: ten\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: 10\r\n\r\n{}",
        b"Content-Length: 10\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n",
        b"\0" * 200_000,
        b"A: b\r\n" * 2000,
        b"half a line",
    ],
)
def test_what_is_not_the_protocol_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        read(data)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{"])
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        parse(body)


def test_answers_carry_the_number_of_their_request() -> None:
    request = {"seq": 7, "command": "attach"}
    granted = parse(read(response(request)) or b"")
    refused = parse(read(refusal(request, "no")) or b"")
    assert (granted["request_seq"], granted["success"]) == (7, True)
    assert (refused["request_seq"], refused["success"], refused["message"]) == (7, False, "no")
    assert refused["body"]["error"]["showUser"] is True
