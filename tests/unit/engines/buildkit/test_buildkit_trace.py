"""The recordings are answers of a Docker Engine 20.10 to `POST /build?version=2`."""

import base64
import json
from pathlib import Path

import pytest

from toolkit.engines.buildkit.protobuf import bytes_field, varint_field
from toolkit.engines.buildkit.trace import Trace
from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
)

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> list[BuildEvent]:
    trace = Trace()
    messages = [json.loads(line) for line in (RECORDED / name).read_bytes().splitlines()]
    return [
        event
        for message in messages
        if message.get("id") == "moby.buildkit.trace"
        for event in trace.read(message["aux"])
    ]


def aux(message: bytes) -> str:
    return base64.b64encode(message).decode()


def timestamp(seconds: int, nanoseconds: int = 0) -> bytes:
    return varint_field(1, seconds) + varint_field(2, nanoseconds)


def vertex(
    digest: bytes,
    name: bytes,
    *,
    started: bytes = b"",
    completed: bytes = b"",
    cached: int = 0,
    error: bytes = b"",
) -> bytes:
    return bytes_field(
        1,
        bytes_field(1, digest)
        + bytes_field(2, b"one input")
        + bytes_field(2, b"another")
        + bytes_field(3, name)
        + (varint_field(4, cached) if cached else b"")
        + bytes_field(5, started)
        + bytes_field(6, completed)
        + bytes_field(7, error),
    )


def log(digest: bytes, text: bytes) -> bytes:
    return bytes_field(3, bytes_field(1, digest) + varint_field(3, 1) + bytes_field(4, text))


def read(*messages: bytes) -> list[BuildEvent]:
    trace = Trace()
    return [event for message in messages for event in trace.read(aux(message))]


def test_steps_have_the_names_of_the_dockerfile() -> None:
    started = [event for event in recorded("three_steps.jsonl") if isinstance(event, StepStarted)]
    assert [(event.place, event.name) for event in started if "/" in event.place] == [
        ("1/4", "FROM docker.io/library/aml-emu-test-probe:base"),
        ("1/4", "FROM docker.io/library/aml-emu-test-probe:base"),  # resolved, later unpacked
        ("2/4", "RUN echo hi && seq 3"),
        ("3/4", "RUN echo two >&2"),
        ("4/4", "RUN echo nolf; seq 1 2"),
    ]
    assert StepStarted(step=1, place="internal", name="load remote build context") in started
    assert any(event.name == "exporting to image" and event.place == "" for event in started)


def test_output_of_both_streams_belongs_to_its_step() -> None:
    events = recorded("three_steps.jsonl")
    numbers = {event.name: event.step for event in events if isinstance(event, StepStarted)}
    logs = [event for event in events if isinstance(event, StepLog)]
    said = {
        name: "".join(e.text for e in logs if e.step == number) for name, number in numbers.items()
    }
    assert said["RUN echo hi && seq 3"] == "hi\n1\n2\n3\n"
    assert said["RUN echo two >&2"] == "two\n"


def test_seconds_lie_between_start_and_end() -> None:
    events = read(
        vertex(b"a", b"[2/2] RUN x", started=timestamp(100, 500_000_000)),
        vertex(
            b"a",
            b"[2/2] RUN x",
            started=timestamp(100, 500_000_000),
            completed=timestamp(102, 750_000_000),
        ),
    )
    assert events == [
        StepStarted(step=1, name="RUN x", place="2/2"),
        StepDone(step=1, seconds=2.25),
    ]


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    events = read(vertex(b"a", b"x", started=timestamp(100), completed=timestamp(99)))
    assert events[-1] == StepDone(step=1, seconds=0.0)


def test_cached_steps_are_told_so() -> None:
    events = recorded("cached.jsonl")
    numbers = {event.name: event.step for event in events if isinstance(event, StepStarted)}
    assert StepCached(step=numbers["RUN echo hi && seq 3"]) in events
    assert StepCached(step=numbers["RUN echo two >&2"]) in events
    assert not [event for event in events if isinstance(event, StepLog)]


def test_a_failed_step_carries_its_error() -> None:
    events = recorded("exit_7.jsonl")
    (failed,) = [event for event in events if isinstance(event, StepFailed)]
    assert failed.error.endswith("exit code: 7")
    assert StepStarted(step=failed.step, name="RUN seq 30; echo bad; exit 7", place="2/2") in events


def test_a_planned_step_is_no_event() -> None:
    assert read(vertex(b"a", b"[1/1] FROM x")) == []


def test_steps_are_numbered_in_the_order_they_start() -> None:
    """BuildKit may announce what comes last first."""
    events = read(
        vertex(b"b", b"second") + vertex(b"a", b"first"),
        vertex(b"a", b"first", started=timestamp(1)),
        vertex(b"b", b"second", started=timestamp(2)),
    )
    assert events == [StepStarted(step=1, name="first"), StepStarted(step=2, name="second")]


def test_a_second_run_of_a_step_is_told_again_under_the_same_number() -> None:
    events = read(
        vertex(b"a", b"FROM x", started=timestamp(1), completed=timestamp(2)),
        vertex(b"a", b"FROM x", started=timestamp(5)),
        vertex(b"a", b"FROM x", started=timestamp(5), completed=timestamp(9)),
    )
    assert events == [
        StepStarted(step=1, name="FROM x"),
        StepDone(step=1, seconds=1.0),
        StepStarted(step=1, name="FROM x"),
        StepDone(step=1, seconds=4.0),
    ]


def test_a_second_run_of_no_length_is_not_told() -> None:
    once = vertex(b"a", b"x", started=timestamp(1), completed=timestamp(2))
    again = vertex(b"a", b"x", started=timestamp(3), completed=timestamp(3))
    assert read(once, once, again) == read(once)


def test_a_character_split_between_messages_survives() -> None:
    text = "größe\n".encode()
    events = read(log(b"a", text[:3]), log(b"a", text[3:]))
    assert "".join(event.text for event in events if isinstance(event, StepLog)) == "größe\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert read(log(b"a", b"\xff\xfeok\n")) == [StepLog(step=1, text="��ok\n")]


def test_transfers_count_bytes() -> None:
    layer = bytes_field(1, b"sha256:1") + bytes_field(2, b"a") + bytes_field(3, b"extracting")
    counted = bytes_field(2, layer + varint_field(4, 10) + varint_field(5, 40))
    assert read(counted, bytes_field(2, layer)) == [
        Transfer(step=1, what="extracting", current=10, total=40)
    ]


@pytest.mark.parametrize(
    "garbage",
    [
        "not base64!",
        aux(b"\x0a\xff"),
        aux(varint_field(1, 5)),
        aux(bytes_field(1, varint_field(1, 9))),
        aux(bytes_field(2, bytes_field(2, b"a") + bytes_field(4, b"ten"))),
    ],
)
def test_what_is_no_trace_is_refused(garbage: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base64's and protobuf's errors share no text
        list(Trace().read(garbage))
