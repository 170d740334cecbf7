"""What is shown of a pipeline while it goes: lines, JSON lines, a table."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from tests.unit.plans.pipeline.test_choice import DIAMOND, graph_of
from toolkit.cli.pipeline_view import JsonView, LineView, LiveView, make_view
from toolkit.live.pipeline.outcome import StepChanged, StepNote

ENDED = StepChanged(step="a", state="reused", run="r", seconds=1.5, why="same as x")


def test_lines_for_beginnings_and_ends_only(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineView()
    view.step(StepChanged(step="b", state="waiting", waits_for=("a",)))
    view.step(StepChanged(step="a", state="running"))
    view.step(ENDED)
    view.step(StepNote(step="a", text="iteration 2"))
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        ["running", "a"],
        ["reused", "a", "1.50", "s", "(same", "as", "x)"],
        ["a:", "iteration", "2"],
    ]


def test_json_lines_leave_nothing_out(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView()
    view.step(StepChanged(step="b", state="waiting", waits_for=("a",)))
    view.step(StepNote(step="a", text="iteration 2"))
    view.say("a note")
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["step", "step_note", "note"]
    assert events[0]["waits_for"] == ["a"]


def test_a_table_of_all_steps() -> None:
    view = LiveView(graph_of(DIAMOND))
    view.step(StepChanged(step="d", state="waiting", waits_for=("b", "c")))
    view.step(ENDED)
    text = shown(view)
    assert "waits for b, c" in text
    assert "reused" in text
    assert all(name in text for name in DIAMOND)


def test_of_many_steps_those_that_move() -> None:
    graph = graph_of({f"s{number}": [] for number in range(100)})
    view = LiveView(graph)
    view.step(StepChanged(step="s7", state="running"))
    text = shown(view)
    assert "s7" in text
    assert "s8" not in text
    assert "99 waiting" in text


def test_without_a_terminal_there_are_lines() -> None:
    assert type(make_view(graph_of({}), json=False)) is LineView
    assert type(make_view(graph_of({}), json=True)) is JsonView


def shown(view: LiveView) -> str:
    console = Console(width=120, record=True, file=None)
    with console.capture() as capture:
        console.print(view.table())
    return capture.get()
