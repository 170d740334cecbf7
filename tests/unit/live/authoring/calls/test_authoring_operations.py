"""Long work: what it says comes in order, and its end is told with all of it."""

from __future__ import annotations

import threading

import pytest

from toolkit.errors import BuildFailed, NotFound
from toolkit.live.authoring.operations import Operation, Operations, Say
from toolkit.live.authoring.submitted import Submitted


def test_lines_come_once_and_before_the_end() -> None:
    operation = Operation("build")
    operation.say("one\ntwo")
    assert operation.as_json()["lines"] == ["one", "two"]

    def work(say: Say) -> dict[str, str]:
        say("three")
        return {"image": "x"}

    operation.perform(work)
    found = operation.as_json(2)
    assert (found["lines"], found["state"], found["result"]) == (
        ["three"],
        "Succeeded",
        {"image": "x"},
    )


def test_a_failure_keeps_evidence_and_advice() -> None:
    def fail(_say: object) -> dict[str, str]:
        raise BuildFailed("no", details="line", hint="do")

    operation = Operation("build")
    operation.perform(fail)
    assert operation.as_json()["error"] == {
        "message": "no",
        "details": "line",
        "hint": "do",
        "exit_code": 4,
    }


def test_a_bug_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    operation = Operation("build")

    def stumble(_say: Say) -> dict[str, str]:
        raise KeyError("x")

    operation.perform(stumble)
    error = operation.as_json()["error"]
    assert error is not None
    assert "bug of aml-emu" in error["message"]
    assert "KeyError" in caplog.text


def test_an_operation_is_found_by_its_id_only() -> None:
    operations = Operations()
    started = operations.start("x", lambda _: {})
    assert operations.get(started.id).ended.wait(10)
    with pytest.raises(NotFound, match="no such operation"):
        operations.get("other")


def test_submissions_are_cancelled_and_waited_for() -> None:
    submitted, told = Submitted(), threading.Event()
    submission = submitted.start("run", lambda: told.wait(10), told.set)
    assert submitted.unfinished() == [submission]
    assert submitted.cancel(seconds=10) == []
    submitted.wait()
    assert submitted.get("run") is submission


def test_one_that_does_not_end_is_named() -> None:
    submitted, told = Submitted(), threading.Event()
    submitted.start("stubborn", lambda: told.wait(10), lambda: None)
    assert submitted.cancel(seconds=0.01) == ["stubborn"]
    told.set()
    submitted.wait()


def test_what_kept_a_run_from_starting_is_kept() -> None:
    def fail() -> None:
        raise BuildFailed("no")

    submission = Submitted().start("run", fail, lambda: None)
    assert submission.ended.wait(10)
    assert submission.error is not None
    assert submission.error["message"] == "no"


def test_one_that_cannot_be_cancelled_keeps_no_other_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    submitted, told = Submitted(), threading.Event()

    def refuse() -> None:
        raise NotFound("no run of that name: `first`")

    submitted.start("first", lambda: told.wait(10), refuse)
    submitted.start("second", lambda: told.wait(10), told.set)
    assert submitted.cancel(seconds=10) == []
    assert "run first is not canceled: no run of that name" in caplog.text
