"""A debugger attached to the served script: it binds, stops, shows, and survives every reload."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.runtime.conftest import MakeTree
from tests.integration.runtime.service_tree import SCORE, wait_until

pytestmark = pytest.mark.runit

RESULT_LINE = SCORE.splitlines().index('    return {"y": y, "version": 1}') + 1


def test_breakpoint_shows_locals_while_the_probe_is_answered(make_tree: MakeTree) -> None:
    """With path mappings: the client's files are elsewhere than the container's."""
    tree = make_tree(AML_EMU_DEBUG="1")
    tree.start()
    with tree.debug(path_mappings=[("/on/my/laptop", tree.app)]) as session:
        worker = session.wait_for_worker()
        session.set_breakpoints("/on/my/laptop/score.py", [RESULT_LINE])
        answer = tree.score_later(21)
        stop = session.wait_for_stop()
        assert (stop.reason, stop.function, stop.line) == ("breakpoint", "run", RESULT_LINE)
        assert stop.file == "/on/my/laptop/score.py"
        assert session.locals(stop)["y"] == "42"
        assert session.evaluate(stop, "model['weight'] + 1") == "3"
        assert tree.is_healthy()
        status = tree.status()
        assert status["paused"] == [worker]
        assert status["workers"][0]["debugging"]
        lines = tree.ask("lines", file=str(tree.app / "score.py"))
        assert lines["breakpoints"] == [
            {"line": RESULT_LINE, "client_path": "/on/my/laptop/score.py"}
        ]
        session.continue_(stop)
        assert answer.json() == {"y": 42, "version": 1}
        assert tree.status()["paused"] == []
    wait_until(lambda: tree.status()["clients"] == [], "the client is forgotten")
    assert tree.score(2) == {"y": 4, "version": 1}


@pytest.mark.parametrize("mode", ["fork", "swap"])
def test_breakpoint_is_hit_in_new_code_after_five_reloads(make_tree: MakeTree, mode: str) -> None:
    """The breakpoint moves down a line with every edit; nobody re-attaches."""
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_RELOAD=mode)
    tree.start()
    with tree.debug() as session:
        root, worker = session.root, session.wait_for_worker()
        for version in range(2, 7):
            tree.edit("score.py", (f'"version": {version - 1}', f'"version": {version}'))
            tree.edit("score.py", ("import json\n", "import json\n# one more line\n"))
            line = RESULT_LINE + version - 1
            session.set_breakpoints(tree.app / "score.py", [line])
            assert tree.reload()["ok"]
            answer = tree.score_later(1)
            stop = session.wait_for_stop()
            assert (stop.function, stop.line) == ("run", line)
            session.continue_(stop)
            assert answer.json()["version"] == version
        assert session.root is root
        assert not root.closed
        (now,) = session.workers if mode == "swap" else [session.wait_for_worker(other_than=worker)]
        assert (now == worker) == (mode == "swap")


def test_breakpoint_in_init_of_a_new_worker_is_hit(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_RELOAD="fork", AML_EMU_INIT_TIMEOUT="2")
    tree.start()
    with tree.debug(start_debugging=True) as session:
        session.wait_for_worker()
        session.set_breakpoints(tree.app / "score.py", [7])
        tree.edit("score.py", ('"version": 1', '"version": 2'))
        reload = tree.reload_later()
        stop = session.wait_for_stop()
        assert (stop.function, stop.line) == ("init", 7)
        # Standing here does not count as time that init() takes.
        assert not reload.finished_within(2.5)
        assert tree.score(1)["version"] == 1
        session.continue_(stop)
        assert reload.answer()["ok"]
        assert tree.score(1)["version"] == 2


def test_exceptions_that_the_server_swallows_stop_the_debugger(make_tree: MakeTree) -> None:
    """In run(), and in the init() of a worker that then does not replace the old one."""
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_RELOAD="fork")
    tree.write("score.py", SCORE.replace('["x"]', '["x"] / 1'))
    tree.start()
    with tree.debug() as session:
        session.wait_for_worker()
        answer = tree.score_later("text")
        stop = session.wait_for_stop()
        assert (stop.reason, stop.function, stop.line) == ("exception", "run", 10)
        assert session.locals(stop)["data"] == '\'{"x": "text"}\''
        assert session.stack(stop)[0] == "run"
        session.continue_(stop)
        status, body = answer.result()
        assert (status, "unexpected error occurred in scoring script" in body) == (500, True)

        tree.edit("score.py", ('{"weight": 2}', '{"weight": [][0]}'))
        reload = tree.reload_later()
        stop = session.wait_for_stop()
        assert (stop.reason, stop.function, stop.line) == ("exception", "init", 7)
        session.continue_(stop)
        failed = reload.answer()
        assert (failed["ok"], failed["stage"]) == (False, "init")
        assert "IndexError" in failed["traceback"]
        assert tree.score(3)["y"] == 6


def test_exceptions_do_not_stop_when_switched_off(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_BREAK_ON_ERRORS="0")
    tree.start()
    with tree.debug() as session:
        session.wait_for_worker()
        assert tree.call("POST", "/score", "no json")[0] == 500
        assert not session.has_stopped()


def test_waits_for_a_client_before_the_first_init(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_WAIT="20")
    tree.start(ready=False)
    wait_until(tree.agent_answers, "the agent answers")
    assert not tree.is_healthy()
    with tree.debug(breakpoints={str(tree.app / "score.py"): [7]}) as session:
        stop = session.wait_for_stop()
        assert (stop.function, stop.line) == ("init", 7)
        session.continue_(stop)
        tree.wait_ready()


def test_goes_on_without_a_client_when_nobody_attaches(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_WAIT="0.5")
    tree.start()
    assert "nobody attached in 0.5 s" in tree.log_text()
    assert tree.score(1)["y"] == 2


def test_worker_killed_is_replaced_and_debugged(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1")
    tree.start()
    with tree.debug() as session:
        worker = session.wait_for_worker()
        session.set_breakpoints(tree.app / "score.py", [RESULT_LINE])
        os.kill(worker, signal.SIGKILL)
        session.wait_for_worker(other_than=worker)
        tree.wait_ready()
        answer = tree.score_later(1)
        session.continue_(session.wait_for_stop())
        assert answer.json()["y"] == 2
