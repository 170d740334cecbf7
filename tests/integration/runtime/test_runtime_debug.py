"""A debugger attached to the served script: it binds, stops, shows, and lets go."""

from __future__ import annotations

import pytest

from tests.integration.runtime.conftest import MakeTree

pytestmark = pytest.mark.runit


def test_breakpoint_stops_shows_locals_and_continues(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_DEBUG="1", AML_EMU_RELOAD="restart")
    tree.start()
    with tree.debug() as session:
        worker = session.wait_for_worker()
        session.set_breakpoints(tree.app / "score.py", [12])
        answer = tree.score_later(21)
        stop = session.wait_for_stop()
        assert (stop.reason, stop.function, stop.line) == ("breakpoint", "run", 12)
        assert session.locals(stop)["y"] == "42"
        session.continue_(stop)
        assert answer.json() == {"y": 42, "version": 1}
        assert tree.ready_workers() == [worker]
