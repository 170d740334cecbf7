from __future__ import annotations

import math
from typing import Any

import pytest

from toolkit.errors import NotFound
from toolkit.workspace.model import Metric, NewRun, Record, RecordKind
from toolkit.workspace.workspace import Workspace


@pytest.fixture
def run(workspace: Workspace) -> str:
    return workspace.runs.create(NewRun(experiment="iris", name="one")).name


def metric(key: str, value: float, step: int = 0, timestamp: int = 1) -> Metric:
    return Metric(key=key, value=value, step=step, timestamp=timestamp)


def test_the_latest_is_the_one_of_the_highest_step(workspace: Workspace, run: str) -> None:
    logged = [
        metric("loss", 3, step=2, timestamp=10),
        metric("loss", 5, step=1, timestamp=99),
        metric("loss", 4, step=2, timestamp=11),
        metric("f1", 1),
    ]
    workspace.metrics.log(run, logged)
    latest = workspace.metrics.latest(run)
    assert {key: found.value for key, found in latest.items()} == {"loss": 4, "f1": 1}
    assert [found.value for found in workspace.metrics.history(run, "loss")] == [5, 3, 4]
    assert workspace.metrics.history(run, "nothing") == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -0.1, 0.1 + 0.2])
def test_every_float_comes_back(workspace: Workspace, run: str, value: float) -> None:
    workspace.metrics.log(run, [metric("x", value)])
    found = workspace.metrics.latest(run)["x"].value
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_a_batch_that_is_sent_again_counts_once(workspace: Workspace, run: str) -> None:
    batch = [metric("loss", value, step) for step, value in enumerate([1.0, math.nan, 0.0])]
    workspace.metrics.log(run, batch)
    workspace.metrics.log(run, batch)
    assert len(workspace.metrics.history(run, "loss")) == 3


def test_a_batch_is_logged_whole_or_not_at_all(workspace: Workspace, run: str) -> None:
    broken = metric("loss", 1, step=2**70)  # no database holds that
    with pytest.raises(OverflowError):
        workspace.metrics.log(run, [metric("loss", 1), broken])
    assert workspace.metrics.history(run, "loss") == []


def test_nothing_is_logged_for_a_run_that_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        workspace.metrics.log("nobody", [metric("loss", 1)])
    with pytest.raises(NotFound):
        workspace.metrics.record("nobody", Record(key="x", kind="scalar", value=1))


def test_metrics_go_with_their_run(workspace: Workspace, run: str) -> None:
    workspace.metrics.log(run, [metric("loss", 1)])
    workspace.metrics.record(run, Record(key="x", kind="scalar", value=1))
    workspace.runs.delete(run)
    workspace.runs.create(NewRun(experiment="iris", name=run))
    assert workspace.metrics.latest(run) == {}
    assert workspace.metrics.records(run) == []


def test_records_come_back_in_order(workspace: Workspace, run: str) -> None:
    first = workspace.metrics.record(run, Record(key="b", kind="table", value={"x": [1, None]}))
    second = workspace.metrics.record(
        run, Record(key="a", kind="scalar", value="text", step=3, description="d")
    )
    assert first.order < second.order
    assert workspace.metrics.records(run) == [first, second]


@pytest.mark.parametrize(
    ("logged", "shape"),
    [
        ([("scalar", 0.5)], 0.5),
        ([("scalar", 0.5), ("scalar", 0.4)], [0.5, 0.4]),
        ([("list", [1, 2])], [1, 2]),
        ([("list", [1, 2]), ("list", [3])], [1, 2, 3]),
        ([("row", {"x": 1, "y": 2})], {"x": 1, "y": 2}),
        ([("row", {"x": 1}), ("row", {"x": 2, "y": 3})], {"x": [1, 2], "y": [None, 3]}),
        ([("table", {"x": [1, 2], "y": [3, 4]})], {"x": [1, 2], "y": [3, 4]}),
        ([("table", {"x": [1, 2], "y": [3]})], {"x": [1, 2], "y": [3, None]}),
        ([("table", {"x": [1]}), ("row", {"y": 5})], {"x": [1, None], "y": [None, 5]}),
        ([("image", "a.png"), ("image", "b.png")], "b.png"),
        ([("confusion_matrix", {"data": {}})], {"data": {}}),
    ],
)
def test_values_have_the_shape_of_get_metrics(
    workspace: Workspace, run: str, logged: list[tuple[RecordKind, Any]], shape: Any
) -> None:
    workspace.metrics.record_all(
        run, [Record(key="x", kind=kind, value=value) for kind, value in logged]
    )
    assert workspace.metrics.values(run) == {"x": shape}


def test_values_tell_mlflow_metrics_too(workspace: Workspace, run: str) -> None:
    workspace.metrics.log(run, [metric("once", 1), metric("twice", 1), metric("twice", 2, step=1)])
    workspace.metrics.log(run, [metric("both", 9)])
    workspace.metrics.record(run, Record(key="both", kind="scalar", value="as recorded"))
    assert workspace.metrics.values(run) == {"once": 1, "twice": [1, 2], "both": "as recorded"}
