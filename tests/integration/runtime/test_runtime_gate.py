"""The debugger's door against probes, rude clients and a dying adapter."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.dap import Connection, DapError
from tests.integration.runtime.service_tree import ServiceTree, wait_until

pytestmark = pytest.mark.runit


@pytest.fixture(scope="module")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceTree]:
    """One tree for all: nothing that a client does may be in the way of the next."""
    tree = ServiceTree(tmp_path_factory.mktemp("gate"), AML_EMU_DEBUG="1")
    try:
        tree.start()
        yield tree
    finally:
        tree.stop()


@pytest.fixture
def tree(shared_tree: ServiceTree) -> Iterator[ServiceTree]:
    wait_until(lambda: shared_tree.status()["clients"] == [], "the former client is forgotten")
    yield shared_tree
    print(shared_tree.log_text()[-3000:])  # noqa: T201  # shown on failure


def assert_debuggable(tree: ServiceTree) -> None:
    with tree.debug() as session:
        session.wait_for_worker()
        session.set_breakpoints(tree.app / "score.py", [11])
        answer = tree.score_later(4)
        stop = session.wait_for_stop()
        assert session.locals(stop)["x"] == "4"
        session.continue_(stop)
        assert answer.json()["y"] == 8


def probe(tree: ServiceTree, data: bytes = b"") -> None:
    with socket.create_connection(("127.0.0.1", tree.debug_port), 5) as connection:
        connection.sendall(data)


def test_probes_and_garbage_never_reach_the_adapter(tree: ServiceTree) -> None:
    adapter = tree.status()["adapter"]
    for _ in range(10):
        probe(tree)
    probe(tree, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    probe(tree, b"Content-Length: nonsense\r\n\r\n")
    probe(tree, b"Content-Length: 99999999999\r\n\r\n")
    probe(tree, b"Content-Length: 10\r\n\r\n[1, 2")
    probe(tree, b"Content-Length: 2\r\n\r\n[]")
    odd = b'{"type": "request", "command": "initialize", "arguments": [1]}'
    probe(tree, b"Content-Length: %d\r\n\r\n%s" % (len(odd), odd))
    probe(tree, b"\0" * 100_000)
    for _ in range(3):
        greeting = Connection(("127.0.0.1", tree.debug_port), lambda *_: None)
        assert greeting.request("initialize")["supportsConfigurationDoneRequest"]
        greeting.close()
    assert_debuggable(tree)
    assert tree.status()["adapter"] == adapter


def test_second_client_is_refused_and_the_first_undisturbed(tree: ServiceTree) -> None:
    with tree.debug(name="first") as first:
        first.wait_for_worker()
        first.set_breakpoints(tree.app / "score.py", [11])
        answer = tree.score_later(4)
        stop = first.wait_for_stop()
        for _ in range(2):
            with pytest.raises(DapError, match=r"first .* is attached already"):
                tree.debug(name="second").__enter__()
        assert first.locals(stop)["x"] == "4"
        first.continue_(stop)
        assert answer.json()["y"] == 8
    assert_debuggable(tree)


def test_launch_and_requests_out_of_turn_are_refused(tree: ServiceTree) -> None:
    stranger = Connection(("127.0.0.1", tree.debug_port), lambda *_: None)
    with pytest.raises(DapError, match="not attached yet"):
        stranger.request("threads")
    with pytest.raises(DapError, match="attach"):
        stranger.request("attach")
    stranger.request("initialize")
    with pytest.raises(DapError, match='use "request": "attach"'):
        stranger.request("launch", {"program": "x.py"})
    # A worker that has gone meanwhile: debugpy's word for it is a session that ends at once.
    stranger.request("attach", {"subProcessId": 1})
    stranger.wait_for_event("terminated")
    stranger.close()
    stranger = Connection(("127.0.0.1", tree.debug_port), lambda *_: None)
    stranger.request("disconnect")
    assert stranger.wait_closed(5)
    stranger.close()


def test_client_that_vanishes_lets_its_request_go_on(tree: ServiceTree) -> None:
    session = tree.debug().__enter__()
    session.wait_for_worker()
    session.set_breakpoints(tree.app / "score.py", [11])
    answer = tree.score_later(4)
    session.wait_for_stop()
    session.vanish()
    assert answer.json()["y"] == 8
    wait_until(lambda: tree.status()["clients"] == [], "the client is forgotten")
    assert_debuggable(tree)


def test_double_farewell_ends_nothing_for_good(tree: ServiceTree) -> None:
    adapter = tree.status()["adapter"]
    for _ in range(3):
        session = tree.debug().__enter__()
        session.wait_for_worker()
        session.detach(farewells=2)
    assert tree.status()["adapter"] == adapter
    assert_debuggable(tree)


def test_client_that_leaves_in_the_middle_of_an_attach(tree: ServiceTree) -> None:
    for _ in range(3):
        hasty = Connection(("127.0.0.1", tree.debug_port), lambda *_: None)
        hasty.request("initialize", {"clientID": "hasty"})
        hasty.send("attach", {"connect": {"host": "127.0.0.1", "port": tree.debug_port}})
        hasty.wait_for_event("initialized")
        hasty.close()
        wait_until(lambda: tree.status()["clients"] == [], "the client is forgotten")
    assert_debuggable(tree)


@pytest.mark.parametrize("paused", [False, True])
def test_adapter_that_dies_is_replaced(tree: ServiceTree, *, paused: bool) -> None:
    """Also with a request at a breakpoint: it goes on, and the same worker is debuggable again."""
    session = tree.debug().__enter__()
    worker = session.wait_for_worker()
    if paused:
        session.set_breakpoints(tree.app / "score.py", [11])
        answer = tree.score_later(4)
        session.wait_for_stop()
    adapter = tree.status()["adapter"]
    os.kill(adapter, signal.SIGKILL)
    assert session.root.wait_closed(5)
    session.vanish()
    if paused:
        assert answer.json()["y"] == 8
    wait_until(lambda: tree.status()["adapter"] not in (None, adapter), "another adapter")
    assert_debuggable(tree)
    assert tree.ready_workers() == [worker]


def test_adapter_that_is_silent_is_replaced(tree: ServiceTree) -> None:
    adapter = tree.status()["adapter"]
    os.kill(adapter, signal.SIGSTOP)
    assert_debuggable(tree)
    assert tree.status()["adapter"] != adapter


def test_agent_that_dies_is_replaced(tree: ServiceTree) -> None:
    """The workers find the new agent, and the new agent them."""
    session = tree.debug().__enter__()
    worker = session.wait_for_worker()
    agent = int((tree.tree / "aml-emu" / "supervise" / "pid").read_text())
    os.kill(agent, signal.SIGKILL)
    assert session.root.wait_closed(5)
    session.vanish()
    wait_until(tree.agent_answers, "the agent answers again")
    wait_until(lambda: tree.ready_workers() == [worker], "the worker is known again")
    assert_debuggable(tree)


def test_client_that_never_attaches_keeps_nobody_out(tree: ServiceTree) -> None:
    idle = Connection(("127.0.0.1", tree.debug_port), lambda *_: None)
    idle.request("initialize")
    assert_debuggable(tree)
    idle.close()


def test_of_two_clients_at_once_one_is_let_in(tree: ServiceTree) -> None:
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def attach(name: str) -> None:
        session = tree.debug(name=name)
        both.wait(5)
        try:
            session.__enter__()
        except DapError as error:
            outcomes.append(str(error))
            return
        outcomes.append("in")
        both.wait(10)  # it leaves only when the other has its answer
        session.detach()

    threads = [threading.Thread(target=attach, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(outcomes) == 2, "both have their answer")
    both.wait(10)
    for thread in threads:
        thread.join(10)
    (refused,) = [outcome for outcome in outcomes if outcome != "in"]
    assert "is attached already" in refused
    assert_debuggable(tree)
