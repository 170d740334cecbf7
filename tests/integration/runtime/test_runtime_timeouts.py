"""The server's time-outs: away while a client is there, back when it has gone."""

from __future__ import annotations

import threading
import time

import pytest

from tests.dap import DapSession
from tests.integration.runtime.conftest import MakeTree
from tests.integration.runtime.service_tree import ServiceTree, wait_until

pytestmark = pytest.mark.runit

SLEEPY = """\
import json
import time

def init():
    pass

def run(data):
    seconds = json.loads(data)["x"]
    time.sleep(seconds)
    return seconds
"""
SLEEP_LINE = 9
TIMED_OUT = {"message": "Scoring timeout after 700 ms"}


def sleepy(make_tree: MakeTree, **environ: str) -> ServiceTree:
    tree = make_tree(AML_EMU_DEBUG="1", **environ)
    tree.write("score.py", SLEEPY)
    return tree


def pause(seconds: float) -> None:
    """Stand at a breakpoint for so long."""
    threading.Event().wait(seconds)


def wait_detached(tree: ServiceTree) -> None:
    wait_until(lambda: tree.status()["clients"] == [], "the client is forgotten")
    wait_until(lambda: "the debugger detached" in tree.log_text(), "the workers were told")


def scoring_time_out(tree: ServiceTree) -> None:
    started = time.monotonic()
    status, text = tree.call("POST", "/score", '{"x": 10}')
    assert (status, "Scoring timeout after 700 ms" in text) == (500, True), text
    assert time.monotonic() - started < 5


def test_scoring_time_out_is_lifted_for_a_client_and_comes_back(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree, SCORING_TIMEOUT_MS="700")
    tree.start()
    scoring_time_out(tree)
    with tree.debug(breakpoints={str(tree.app / "score.py"): [SLEEP_LINE]}) as session:
        answer = tree.score_later(0)
        stop = session.wait_for_stop()
        pause(1.5)
        session.continue_(stop)
        assert answer.json() == 0
        session.set_breakpoints(tree.app / "score.py", [])
        assert tree.score(1) == 1
    wait_detached(tree)
    scoring_time_out(tree)


def test_worker_time_out_is_lifted_for_a_client_and_comes_back(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree, WORKER_TIMEOUT="1")
    tree.start()
    with tree.debug(breakpoints={str(tree.app / "score.py"): [SLEEP_LINE]}) as session:
        worker = session.wait_for_worker()
        answer = tree.score_later(0)
        stop = session.wait_for_stop()
        pause(3)
        session.continue_(stop)
        assert answer.json() == 0
        assert tree.ready_workers() == [worker]
    wait_detached(tree)
    with pytest.raises(OSError):  # noqa: PT011  # reset or closed: either is a cut connection
        tree.score(10)
    wait_until(lambda: tree.ready_workers() not in ([], [worker]), "another worker")
    assert tree.score(0) == 0


def test_request_that_began_before_the_client_came_is_not_cut_off(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree, SCORING_TIMEOUT_MS="1500", WORKER_TIMEOUT="2")
    tree.edit(
        "score.py", ("    time.sleep", "    print('it has begun', flush=True)\n    time.sleep")
    )
    tree.start()
    answer = tree.score_later(3)
    wait_until(lambda: "it has begun" in tree.log_text(), "the request has begun")
    with tree.debug():
        assert answer.json() == 3


def test_waiting_for_a_client_outlasts_the_worker_time_out(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree, WORKER_TIMEOUT="1", AML_EMU_WAIT="3")
    tree.start()
    assert tree.log_text().count("waiting 3 s for a debugger") == 1
    assert tree.score(0) == 0


def test_breakpoint_in_init_outlasts_the_worker_time_out(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree, WORKER_TIMEOUT="1", AML_EMU_WAIT="20")
    tree.start(ready=False)
    wait_until(tree.agent_answers, "the agent answers")
    with tree.debug(breakpoints={str(tree.app / "score.py"): [5]}) as session:
        stop = session.wait_for_stop()
        pause(2.5)
        session.continue_(stop)
        tree.wait_ready()
    assert tree.log_text().count("waiting 20 s for a debugger") == 1


def test_request_right_after_the_attach_waits_for_the_breakpoints(make_tree: MakeTree) -> None:
    """Three times, since each attach but the first finds a process that is connected already."""
    tree = sleepy(make_tree)
    tree.start()
    for _ in range(3):
        with tree.debug(breakpoints={str(tree.app / "score.py"): [SLEEP_LINE]}) as session:
            answer = tree.score_later(0)
            session.continue_(session.wait_for_stop(5))
            assert answer.json() == 0
        wait_detached(tree)


def test_client_without_child_sessions_holds_the_first_request_only(make_tree: MakeTree) -> None:
    tree = sleepy(make_tree)
    tree.start()
    session: DapSession = tree.debug(follow_children=False)
    with session:
        assert tree.score(0) == 0
        wait_until(lambda: "opens no session for the workers" in tree.log_text(), "it is said")
        started = time.monotonic()
        assert tree.score(0) == 0
        assert time.monotonic() - started < 1


def test_requests_come_one_by_one_without_a_client_and_side_by_side_with_one(
    make_tree: MakeTree,
) -> None:
    tree = sleepy(make_tree)
    tree.start()

    def both() -> float:
        started = time.monotonic()
        answers = [tree.score_later(1), tree.score_later(1)]
        for answer in answers:
            assert answer.json() == 1
        return time.monotonic() - started

    assert both() >= 2
    with tree.debug() as session:
        session.wait_for_worker()
        assert both() < 1.9
