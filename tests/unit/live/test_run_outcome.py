from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolkit.engines.base import State
from toolkit.live.run_outcome import Evidence, outcome_of

TRACEBACK = (
    'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: boom\n'
)
GONE = State(status="gone")


def ended(code: int, **more: Any) -> Evidence:
    event = {"event": "ended", "exit_code": code, "signal": 0, "rank": 0, "reason": "", **more}
    return Evidence(
        state=State(status="exited", exit_code=code),
        ended=event,
        timeout=None,
        log="",
    )


@pytest.mark.parametrize(
    ("evidence", "status", "message"),
    [
        (ended(0), "Completed", ""),
        (ended(1), "Failed", "exit code 1"),
        (replace(ended(1), log=TRACEBACK), "Failed", "exit code 1: ValueError: boom"),
        (ended(2, rank=3), "Failed", "exit code 2 in process 3"),
        (ended(139, signal=11), "Failed", "killed by SIGSEGV"),
        (ended(137), "Failed", "killed by SIGKILL: most often"),
        (ended(137, signal=9), "Failed", "killed by SIGKILL: most often"),
        (
            replace(ended(137), state=State(status="exited", exit_code=137, out_of_memory=True)),
            "Failed",
            "killed for want of memory",
        ),
        (replace(ended(143), canceled=True), "Canceled", ""),
        (replace(ended(143, reason="timed out"), timeout=5.0), "Canceled", "its limit of 5 s"),
        (ended(143, reason="launcher gone"), "Failed", "its engine let go of it"),
        (ended(143, reason="told to"), "Failed", "somebody else stopped it"),
        (
            replace(ended(0), ended=None, state=State(status="exited", exit_code=137)),
            "Failed",
            "was killed: exit code 137",
        ),
        (replace(ended(0), not_collected="the disk is full: x"), "Failed", "the disk is full: x"),
        (replace(ended(0), ended=None, state=GONE), "Failed", "somebody else removed"),
        (replace(ended(0), full="the disk is full: /x"), "Failed", "the disk is full: /x"),
        (replace(ended(1), full="the disk is full: /x"), "Failed", "the disk is full: /x"),
        (replace(ended(0), canceled=True, full="the disk is full: /x"), "Canceled", ""),
        (replace(ended(0), ended=None, engine_lost="no answer"), "Failed", "no answer"),
        (replace(ended(143, reason="told to"), engine_lost="no answer"), "Failed", "no answer"),
        (replace(ended(0), engine_lost="no answer", state=GONE), "Completed", ""),
        (replace(ended(1), engine_lost="no answer", state=GONE), "Failed", "exit code 1"),
        (
            replace(ended(0), ended=None, strange=["the image has no Python"]),
            "Failed",
            "could not be started: the image has no Python",
        ),
        (
            replace(ended(127), ended={"event": "broken", "message": "no such folder: /x"}),
            "Failed",
            "could not be started: no such folder: /x",
        ),
    ],
)
def test_an_end_is_told_as_what_it_was(evidence: Evidence, status: str, message: str) -> None:
    outcome = outcome_of(evidence)
    assert outcome.status == status
    assert (outcome.error.message if outcome.error else "").find(message) >= 0
    assert bool(outcome.error) == bool(message)


def test_whose_fault_it_was_is_said() -> None:
    user, system = outcome_of(ended(1)).error, outcome_of(ended(0, reason="launcher gone")).error
    assert user is not None
    assert system is not None
    assert (user.code, system.code) == ("UserError", "EngineUnavailable")
