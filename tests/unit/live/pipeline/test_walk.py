"""Walking a graph: order, limits, failures, conditions, stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tests.unit.plans.pipeline.test_choice import DIAMOND, PLACE, graph_of
from toolkit.errors import UserCodeFailed
from toolkit.live.pipeline.outcome import Event, Outcome, StepChanged
from toolkit.live.pipeline.walk import Walk
from toolkit.plans.pipeline.graph import FromStep, Gate, Graph, Step
from toolkit.plans.pipeline.order import make_graph

Perform = Callable[[Step, Mapping[str, Outcome]], Outcome]
DONE = Outcome(state="completed")


def walked(
    graph: Graph, perform: Perform, *, most: int = 4, goes_on: bool = False
) -> tuple[dict[str, str], list[Event]]:
    events: list[Event] = []
    walk = Walk(
        graph,
        perform,
        max_parallel=most,
        continue_on_failure=goes_on,
        on_step=events.append,
    )
    return {name: found.state for name, found in walk.run().items()}, events


def failing(*names: str) -> Perform:
    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        if step.name in names:
            raise UserCodeFailed("it broke")
        return DONE

    return perform


def test_each_step_is_done_after_what_it_needs() -> None:
    order: list[str] = []

    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        assert set(known) == set(step.needs())
        order.append(step.name)
        return DONE

    states, _ = walked(graph_of(DIAMOND), perform)
    assert set(states.values()) == {"completed"}
    assert order.index("d") > max(order.index("b"), order.index("c"))


def test_no_more_steps_at_a_time_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(3, timeout=10)

    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()  # only three at once get past it
        with lock:
            running -= 1
        return DONE

    walked(graph_of({f"s{n}": [] for n in range(9)}), perform, most=3)
    assert most == 3


def test_the_first_failure_ends_the_rest() -> None:
    states, _ = walked(graph_of({"a": [], "b": ["a"], "c": []}), failing("a"), most=1)
    assert states == {"a": "failed", "b": "blocked", "c": "canceled"}


def test_each_failure_says_why() -> None:
    """The command's end tells of one of them only."""
    _, events = walked(graph_of({"a": [], "b": []}), failing("a", "b"), goes_on=True)
    whys = {e.step: e.why for e in events if isinstance(e, StepChanged) and e.state == "failed"}
    assert whys == {"a": "it broke", "b": "it broke"}


def test_branches_go_on_if_they_may() -> None:
    graph = graph_of({"a": [], "b": ["a"], "c": [], "d": ["c"]})
    states, _ = walked(graph, failing("a"), most=1, goes_on=True)
    assert states == {"a": "failed", "b": "blocked", "c": "completed", "d": "completed"}


def test_waiting_steps_say_for_what() -> None:
    _, events = walked(graph_of(DIAMOND), failing())
    waits = {e.step: e.waits_for for e in events if isinstance(e, StepChanged) and e.waits_for}
    assert waits["d"] == ("b", "c")


@pytest.mark.parametrize(("value", "taken"), [("true", "yes"), ("False", "no")])
def test_conditions_choose_a_branch(value: str, taken: str) -> None:
    steps = dict(graph_of({"check": [], "yes": [], "no": [], "after": ["yes"]}).steps)
    for name, wanted in (("yes", True), ("no", False)):
        gate = Gate(FromStep("check", "ok"), wanted, PLACE)
        steps[name] = replace(steps[name], gates=(gate,))

    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        return replace(DONE, values={"ok": value} if step.name == "check" else {})

    states, _ = walked(make_graph(steps), perform)
    assert states[taken] == "completed"
    assert states["no" if taken == "yes" else "yes"] == "skipped"
    assert states["after"] == ("completed" if taken == "yes" else "skipped")


def test_a_condition_without_a_value_is_the_failure_of_what_it_guards() -> None:
    steps = dict(graph_of({"check": [], "yes": [], "after": ["yes"], "other": ["check"]}).steps)
    steps["yes"] = replace(
        steps["yes"], gates=(Gate(FromStep("check", "ok"), wanted=True, place=PLACE),)
    )
    states, _ = walked(make_graph(steps), lambda step, known: DONE, goes_on=True)
    assert states == {
        "check": "completed",
        "yes": "failed",
        "after": "blocked",
        "other": "completed",
    }


def test_stopping_starts_nothing_more() -> None:
    canceled = threading.Event()

    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        if step.name == "a":
            walk.stop()
            return Outcome(state="canceled")
        return DONE

    walk = Walk(
        graph_of({"a": [], "b": ["a"], "c": []}),
        perform,
        max_parallel=1,
        on_step=lambda event: None,
        cancel=canceled.set,
    )
    states = {name: found.state for name, found in walk.run().items()}
    assert states == {"a": "canceled", "b": "blocked", "c": "canceled"}
    assert canceled.is_set()


def test_a_bug_in_a_step_is_raised_where_the_walk_runs() -> None:
    def perform(step: Step, known: Mapping[str, Outcome]) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        walked(graph_of({"a": [], "b": []}), perform)
