import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes import Listener
from tests.unit.dev.dap_adapter import FakeAdapter, FakeStop
from toolkit.dev.dap import Connection, DapError, DapRefused
from toolkit.dev.dap_session import DapSession

Attach = Callable[..., DapSession]
FILE = "/home/me/iris/score.py"


@pytest.fixture
def attach() -> Iterator[Attach]:
    listeners: list[Listener] = []

    def make(adapter: FakeAdapter, **options: Any) -> DapSession:
        listeners.append(Listener(adapter))
        address = listeners[-1].address
        return DapSession(address.host, address.port, **{"timeout": 2.0, **options})

    yield make
    for listener in listeners:
        listener.close()


def test_root_and_worker_are_introduced_in_the_order_every_client_keeps(attach: Attach) -> None:
    adapter = FakeAdapter()
    order = [
        "attach", "setBreakpoints", "setExceptionBreakpoints", "configurationDone", "disconnect",
    ]  # fmt: skip
    with attach(adapter, breakpoints={FILE: [9]}) as session:
        assert session.wait_for_worker() == 79
        assert session.workers == [79]
    assert adapter.commands("root") == order
    assert adapter.commands("worker") == order
    assert adapter.commands("anybody") == ["initialize"] * 2  # before `attach` nobody knows


def test_the_adapter_learns_the_path_mappings_and_what_may_stop(attach: Attach) -> None:
    adapter = FakeAdapter()
    with attach(adapter, path_mappings=[("/home/me", "/var/app")], exceptions=()):
        pass
    (arguments,) = adapter.arguments("root", "attach")
    assert arguments["pathMappings"] == [{"localRoot": "/home/me", "remoteRoot": "/var/app"}]
    assert adapter.arguments("root", "setExceptionBreakpoints") == [{"filters": []}]


def test_a_stop_can_be_looked_at_and_goes_on(attach: Attach) -> None:
    adapter = FakeAdapter(stops=[FakeStop(line=9)], values={"x": "3"})
    with attach(adapter, breakpoints={FILE: [9]}) as session:
        stop = session.wait_for_stop()
        assert (stop.file, stop.line, stop.function) == (FILE, 9, "run")
        assert (stop.reason, stop.thread_name()) == ("breakpoint", "MainThread")
        assert stop.evaluate("x") == "3"
        with pytest.raises(DapRefused, match="NameError: name 'y' is not defined"):
            stop.evaluate("y")
        stop.resume()
        assert not session.has_stopped()
    assert "continue" in adapter.commands("worker")


def test_breakpoints_set_later_reach_the_worker_too(attach: Attach) -> None:
    adapter = FakeAdapter()
    with attach(adapter) as session:
        session.wait_for_worker()
        session.set_breakpoints(FILE, [4, 7], condition="x > 1")
    wanted = [{"line": 4, "condition": "x > 1"}, {"line": 7, "condition": "x > 1"}]
    for who in ("root", "worker"):
        assert [each["breakpoints"] for each in adapter.arguments(who, "setBreakpoints")] == [
            wanted
        ]


def test_a_refused_attach_says_why_and_leaves_no_connection(attach: Attach) -> None:
    session = attach(FakeAdapter(refuses={"attach": "VS Code is attached already"}))
    with pytest.raises(DapRefused, match="VS Code is attached already"), session:
        pass
    assert session.root.wait_closed(2.0)


def test_an_adapter_that_does_not_answer_is_an_error_in_time(attach: Attach) -> None:
    with pytest.raises(DapError, match="no answer to request 1"):
        attach(FakeAdapter(silent=frozenset({"initialize"})), timeout=0.05).__enter__()


def test_waiting_for_what_does_not_come_ends(attach: Attach) -> None:
    with attach(FakeAdapter(has_worker=False)) as session:
        with pytest.raises(DapError, match="in vain for a stop"):
            session.wait_for_stop(0.01)
        assert session.workers == []


def test_a_connection_that_is_closed_takes_no_more_requests() -> None:
    closed = threading.Event()
    listener = Listener(lambda connection: connection.close())
    connection = Connection(
        (listener.address.host, listener.address.port),
        lambda _, message: closed.set() if message.get("event") == "closed" else None,
    )
    assert closed.wait(5)
    with pytest.raises(DapError, match="the connection is closed"):
        connection.send("threads")
    connection.close()
    listener.close()


def test_something_that_is_no_adapter_is_an_error() -> None:
    listener = Listener(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(DapError, match="closed"):
        DapSession(listener.address.host, listener.address.port, timeout=2.0).__enter__()
    listener.close()
