"""Policies of early termination on series of metrics."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from toolkit.live.early_stop import hopeless
from toolkit.specs.sweep import EarlyTermination

GOOD, BAD = [0.5, 0.7, 0.9], [0.5, 0.5, 0.5]


def policy(**written: Any) -> EarlyTermination:
    found: EarlyTermination = TypeAdapter(EarlyTermination).validate_python(written)
    return found


def test_no_policy_ends_nothing() -> None:
    assert not hopeless(None, maximize=True, running={"a": BAD, "b": GOOD}, finished={})


@pytest.mark.parametrize(
    "written",
    [
        {"type": "bandit", "slack_factor": 0.2},
        {"type": "bandit", "slack_amount": 0.2},
        {"type": "median_stopping"},
        {"type": "truncation_selection", "truncation_percentage": 50},
    ],
)
def test_the_worse_one_is_ended(written: dict[str, Any]) -> None:
    ended = hopeless(policy(**written), maximize=True, running={"a": BAD, "b": GOOD}, finished={})
    assert ended == {"a"}


@pytest.mark.parametrize(
    "written",
    [{"type": "bandit", "slack_amount": 0.2}, {"type": "median_stopping"}],
)
def test_less_is_better_when_minimising(written: dict[str, Any]) -> None:
    falling, level = [0.9, 0.5, 0.1], [0.9, 0.9, 0.9]
    running = {"a": falling, "b": level}
    assert hopeless(policy(**written), maximize=False, running=running, finished={}) == {"b"}


def test_finished_trials_are_compared_with() -> None:
    found = policy(type="bandit", slack_amount=0.1)
    assert hopeless(found, maximize=True, running={"a": BAD}, finished={"b": GOOD}) == {"a"}


def test_nobody_is_judged_before_the_delay_or_between_intervals() -> None:
    late = policy(type="bandit", slack_amount=0.1, delay_evaluation=4)
    seldom = policy(type="bandit", slack_amount=0.1, evaluation_interval=4)
    both = policy(type="bandit", slack_amount=0.1, delay_evaluation=3, evaluation_interval=2)
    for each in (late, seldom, both):
        assert not hopeless(each, maximize=True, running={"a": BAD, "b": GOOD}, finished={})


def test_the_delay_is_the_first_interval_that_is_looked_at() -> None:
    found = policy(type="bandit", slack_amount=0.1, delay_evaluation=3)
    assert hopeless(found, maximize=True, running={"a": BAD, "b": GOOD}, finished={}) == {"a"}


def test_an_interval_that_nobody_saw_pass_is_looked_at_all_the_same() -> None:
    """Trials may log several values between two looks."""
    found = policy(type="bandit", slack_amount=0.1, evaluation_interval=2)
    running = {"a": [0.1, 0.1, 9.0], "b": [0.5, 0.7, 0.9]}
    assert hopeless(found, maximize=True, running=running, finished={}) == {"a"}


def test_the_worst_are_those_at_the_same_interval() -> None:
    """A trial that has run for less time than the others is not worse for that."""
    found = policy(type="truncation_selection", truncation_percentage=34)
    young, old = [0.6], [0.1, 0.5, 0.9]
    finished = {"b": old, "c": [0.2, 0.6, 1.0]}
    assert not hopeless(found, maximize=True, running={"a": young}, finished=finished)
    assert hopeless(found, maximize=True, running={"a": [0.05]}, finished=finished) == {"a"}


def test_a_trial_that_logged_nothing_is_left_alone() -> None:
    found = policy(type="median_stopping")
    assert not hopeless(found, maximize=True, running={"a": []}, finished={"b": GOOD})


def test_a_bandit_has_one_slack() -> None:
    with pytest.raises(ValidationError, match="one of"):
        policy(type="bandit", slack_factor=0.1, slack_amount=0.1)
