from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from toolkit.live.tracking.failures import Refused
from toolkit.live.tracking.search import (
    Comparison,
    LookUp,
    Order,
    in_order,
    matches,
    page,
    parse_filter,
    parse_order,
)

RUN: Mapping[tuple[str, str], Any] = {
    ("metric", "loss"): 0.25,
    ("metric", "a b"): 3.0,
    ("param", "lr"): "0.1",
    ("tag", "mlflow.runName"): "it's",
    ("attribute", "status"): "FINISHED",
    ("attribute", "start_time"): 1000,
}


def found(entity: str, key: str) -> Any:
    return RUN.get((entity, key))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics.loss < 0.3",
        "metric.loss >= .25 AND params.lr = '0.1'",
        'metrics.`a b` = 3 and metrics."a b" != 4',
        "tags.mlflow.runName = 'it''s'",
        'tags."mlflow.runName" LIKE "it%"',
        "tags.mlflow.runName ILIKE 'IT_s'",
        "status = 'FINISHED'",
        "attributes.status IN ('FAILED', 'FINISHED')",
        "attributes.status NOT IN ('FAILED')",
        "params.nothing IS NULL AND params.lr IS NOT NULL",
        "attribute.start_time > 999",
        "tags.`mlflow.prompt.is_prompt` != 'true'",
    ],
)
def test_what_holds_of_a_run(text: str) -> None:
    assert matches(parse_filter(text), found)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.loss > 0.3",
        "metrics.absent > 0",
        "params.absent != 'x'",
        "tags.mlflow.runName LIKE 'IT%'",
        "status = 'FINISHED' AND metrics.loss > 1",
        "params.lr IS NULL",
    ],
)
def test_what_does_not_hold(text: str) -> None:
    assert not matches(parse_filter(text), found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("metrics.loss < 0.3 OR metrics.loss > 1", "OR is not supported"),
        ("metrics.loss <", "ends too early"),
        ("metrics.loss ~ 1", "unknown comparison `~`"),
        ("gadgets.x = 1", "unknown entity `gadgets`"),
        ("params.lr = 0.1 x", "expected AND"),
        ("params.lr = lr", "in quotes"),
        ("status IN 'x'", "in parentheses"),
        ("status IN ('x'", "ends too early"),
        ("status = 'unclosed", "at `'unclosed`"),
        ("metrics.loss = 'low'", "not a number: low"),
        ("params.lr > 1", "text with text"),
    ],
)
def test_bad_filters_say_why(text: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        matches(parse_filter(text), found)
    assert why in refused.value.message
    assert refused.value.status == 400


def test_a_filter_is_comparisons() -> None:
    assert parse_filter("run.name = 'x' and dataset.digest IN ('a','b')") == [
        Comparison("attribute", "name", "=", "x"),
        Comparison("dataset", "digest", "IN", ("a", "b")),
    ]


def test_orders_are_parsed() -> None:
    assert parse_order(["metrics.loss DESC", "start_time"]) == [
        Order("metric", "loss", descending=True),
        Order("attribute", "start_time", descending=False),
    ]
    with pytest.raises(Refused):
        parse_order(["metrics.loss SIDEWAYS"])


def test_what_has_no_value_comes_last_either_way() -> None:
    values: Mapping[str, float | None] = {"a": 1.0, "b": None, "c": 3.0, "d": float("nan")}

    def look_up(name: str) -> LookUp:
        return lambda _entity, _key: values[name]

    assert in_order("abcd", parse_order(["metrics.m"]), look_up) == ["a", "c", "b", "d"]
    assert in_order("abcd", parse_order(["metrics.m DESC"]), look_up) == ["c", "a", "b", "d"]


def test_pages_follow_one_another() -> None:
    first, token = page([1, 2, 3], token=None, size=2)
    assert (first, token) == ([1, 2], "2")
    assert page([1, 2, 3], token=token, size=2) == ([3], None)
    with pytest.raises(Refused):
        page([1], token="later", size=2)
