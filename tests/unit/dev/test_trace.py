import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import Conversation, FakeEngine
from tests.unit.dev.dap_adapter import FakeAdapter, FakeStop
from tests.unit.dev.iris_service import FakeAgent, launch
from toolkit.dev.explain_evidence import Place
from toolkit.dev.trace import Hit, TraceOrder, trace_hits
from toolkit.errors import Conflict, NotReady, SpecError
from toolkit.plans import azureml, emulation

Trace = Callable[..., list[Hit]]
SOURCE = "def run(data):\n    return data\n"


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine(known=["i:1"])
    yield engine
    engine.close()


@pytest.fixture
def trace(engine: FakeEngine, tmp_path: Path) -> Trace:
    """`trace(adapter, agent={…}, …order…)`: the hits of a breakpoint on line 2."""
    script = tmp_path / "score.py"
    script.write_text(SOURCE)

    def run(
        adapter: FakeAdapter,
        *,
        agent: dict[str, Any] | None = None,
        answer: bytes = b"",
        line: int = 2,
        **order: Any,
    ) -> list[Hit]:
        answers: dict[int, Conversation] = {
            azureml.DEBUG_PORT: adapter,
            azureml.SCORING_PORT: scoring(answer),
            emulation.CONTROL_PORT: FakeAgent(script, **(agent or {})),
        }
        launch(engine, tmp_path, answers=answers)
        place = Place(file=script, line=line)
        wanted = TraceOrder(place=place, **{"timeout": 5.0, **order})
        return list(trace_hits(engine, None, wanted, say=lambda _: None))

    return run


def scoring(answer: bytes) -> Callable[[socket.socket], None]:
    def converse(connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"{}"):
            received += connection.recv(4096)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
        connection.sendall(head + answer)

    return converse


def test_a_hit_is_where_it_stopped_and_what_was_there(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=2)], values={"data": "'{}'"})
    (hit,) = trace(adapter, expressions=("data", "nope"))
    assert hit.document() == {
        "file": str(hit.file),
        "line": 2,
        "function": "run",
        "thread": "MainThread",
        "values": {"data": "'{}'", "nope": {"error": "NameError: name 'nope' is not defined"}},
    }


def test_after_the_last_hit_the_breakpoint_is_taken_away_before_it_goes_on(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=2)] * 5)
    assert len(trace(adapter, times=2)) == 2
    commands = [c for c in adapter.commands("worker") if c in {"setBreakpoints", "continue"}]
    assert commands == ["setBreakpoints", "continue", "setBreakpoints", "continue"]
    assert adapter.arguments("worker", "setBreakpoints")[1]["breakpoints"] == []
    assert adapter.commands("worker")[-1] == adapter.commands("root")[-1] == "disconnect"


def test_exceptions_do_not_count_and_go_on(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=1, reason="exception"), FakeStop(line=2)])
    assert [hit.line for hit in trace(adapter)] == [2]
    assert adapter.arguments("root", "setExceptionBreakpoints") == [{"filters": []}]


def test_too_few_hits_in_time_is_an_error_that_counts(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=2)])
    with pytest.raises(NotReady, match=r"1 of 3 hits of score.py:2 within 0\.3 s"):
        trace(adapter, times=3, timeout=0.3)
    assert adapter.commands("root")[-1] == "disconnect"


def test_a_request_of_our_own_that_is_answered_ends_the_waiting(trace: Trace) -> None:
    with pytest.raises(NotReady) as caught:
        trace(FakeAdapter(), body=b"{}", answer=b"[1]", timeout=60)
    message = "the request was answered (200) without passing score.py:2"
    assert (caught.value.message, caught.value.details) == (message, "[1]")


def test_a_request_of_our_own_needs_one_hit_only(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=2)])
    assert len(trace(adapter, body=b"{}", times=9, timeout=60)) == 1


def test_an_ide_that_is_attached_is_named(trace: Trace) -> None:
    clients = [{"client": "Visual Studio Code (172.17.0.1:5)", "worker": None}]
    adapter = FakeAdapter()
    with pytest.raises(Conflict) as caught:
        trace(adapter, agent={"clients": clients})
    assert caught.value.message == "Visual Studio Code is attached to `iris` already"
    assert not adapter.heard


def test_an_ide_that_was_faster_is_a_conflict_too(trace: Trace) -> None:
    with pytest.raises(Conflict, match="VS Code is attached already"):
        trace(FakeAdapter(refuses={"attach": "VS Code is attached already"}))


@pytest.mark.parametrize(
    ("agent", "kind", "said"),
    [
        ({"lines": [1]}, SpecError, "cannot be traced: line 2"),
        ({"error": "SyntaxError: no\n"}, SpecError, "does not compile"),
        ({"loaded_sha256": {}}, NotReady, "no worker of `iris` serves"),
        ({"loaded_sha256": {"79": "old"}}, NotReady, "worker 79 runs an older"),
    ],
)
def test_a_place_that_cannot_bind_is_refused_before_anything_is_changed(
    trace: Trace, agent: dict[str, Any], kind: type[Exception], said: str
) -> None:
    adapter = FakeAdapter()
    with pytest.raises(kind, match=said):
        trace(adapter, agent=agent)
    assert not adapter.heard


def test_a_module_that_the_request_will_import_may_be_traced(trace: Trace) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=2)])
    assert len(trace(adapter, agent={"loaded_sha256": {"79": None}})) == 1


def test_a_debugger_that_hangs_up_is_not_ready(engine: FakeEngine, tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(SOURCE)
    launch(engine, tmp_path, answers={emulation.CONTROL_PORT: FakeAgent(script)})
    order = TraceOrder(place=Place(file=script, line=2))
    with pytest.raises(NotReady, match="the debugger of `iris` does not answer"):
        list(trace_hits(engine, None, order, say=lambda _: None))
