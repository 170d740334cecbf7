"""Lists, reports, comparisons and plots of runs, as text and as documents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from toolkit.cli import run_filters
from toolkit.cli.plots import plot, points
from toolkit.cli.run_compare import compared, comparison_document, comparison_text
from toolkit.cli.run_report import run_document, run_lines, run_table, run_text
from toolkit.cli.tables import iso, number, size, span, table
from toolkit.errors import SpecError
from toolkit.workspace.model import Metric, NewRun, Record, RunError, RunStatus
from toolkit.workspace.workspace import Workspace

NOW = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".aml-emu") as opened:
        yield opened


def made(workspace: Workspace, name: str, lr: str, losses: list[float]) -> None:
    definition = {"command": f"python train.py --lr {lr}", "inputs": {"lr": float(lr)}}
    workspace.runs.create(
        NewRun(
            experiment="iris",
            name=name,
            display_name="training",
            parameters={"lr": lr, "depth": "3"},
            tags={"by": "me"},
            definition=definition,
        )
    )
    workspace.metrics.log(
        name,
        [
            Metric(key="loss", value=value, step=step, timestamp=step)
            for step, value in enumerate(losses)
        ],
    )


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    assert table(("A", "LAST"), [("xyz", "1"), ("", "22  ")]) == "A    LAST\nxyz  1\n     22"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0.0s"), (59.94, "59.9s"), (60, "1m 00s"), (3725, "1h 02m"), (90000, "1d 01h")],
)
def test_spans(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (12e6, "12 MB"),
        (58_400_000, "58 MB"),
        (999_600, "1.0 MB"),
        (1.9e9, "1.9 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_sizes_are_told_as_docker_tells_them(count: int, told: str) -> None:
    assert size(int(count)) == told


def test_numbers_keep_the_digits_that_count() -> None:
    assert [number(x) for x in (0.1 + 0.2, 150.0, 1e-5, math.nan)] == ["0.3", "150", "1e-05", "nan"]


def test_times_for_programs_are_utc() -> None:
    assert iso(NOW.timestamp()) == "2026-03-31T12:00:00.000Z"
    assert iso(None) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-03-31T12:00+02:00", NOW - timedelta(hours=2)),
    ],
)
def test_since(text: str, moment: datetime) -> None:
    assert run_filters.since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "2x", "", "2026-13-01", "-1h"])
def test_since_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(SpecError, match="`--since`: not a time"):
        run_filters.since(text, NOW)


def test_a_status_may_be_written_in_small_letters() -> None:
    assert run_filters.one_of(RunStatus, "failed", "--status") == "Failed"
    with pytest.raises(SpecError) as caught:
        run_filters.one_of(RunStatus, "faild", "--status")
    assert caught.value.hint == "did you mean `Failed`?"


def test_a_tag_filter_has_a_key() -> None:
    assert run_filters.tag("a=b=c") == ("a", "b=c")
    assert run_filters.tag("a") == ("a", None)
    assert run_filters.tag("a=") == ("a", "")
    with pytest.raises(SpecError):
        run_filters.tag("=b")


def test_a_list_as_text_and_as_a_document(workspace: Workspace) -> None:
    made(workspace, "one", "0.1", [])
    workspace.runs.advance("one", "Failed")
    made(workspace, "two", "0.1", [])
    summaries = workspace.runs.summaries()
    lines = run_table(summaries, now=summaries[0].created + 65).splitlines()
    assert lines[0].split()[:4] == ["NAME", "EXPERIMENT", "KIND", "STATUS"]
    assert re.search(r"^two +iris +command +NotStarted .* 1m 05s +training$", lines[1])
    assert re.search(r"^one +iris +command +Failed .* 0\.0s +training$", lines[2])
    document = json.loads(run_lines(summaries))
    assert [run["name"] for run in document] == ["two", "one"]
    assert document[0]["ended"] is None
    assert document[1]["ended"].endswith("Z")
    assert json.loads(run_lines([])) == []


def test_a_run_as_text(workspace: Workspace) -> None:
    made(workspace, "one", "0.1", [0.5, 0.25])
    workspace.metrics.record("one", Record(key="matrix", kind="row", value={"a": 1}))
    workspace.runs.create(NewRun(experiment="iris", name="step1", kind="step", parent="one"))
    workspace.runs.update("one", outputs={"model": Path("/somewhere/model")})
    workspace.runs.advance(
        "one", "Failed", exit_code=1, error=RunError(code="UserError", message="boom")
    )
    text = run_text(workspace.runs.get("one"), workspace)
    for line in (
        "name          one",
        "status        Failed",
        "error         UserError: boom",
        "exit code     1",
        "experiment    iris (run 1)",
        "  lr     0.1",
        "  by  me",
        "  model  /somewhere/model",
        "  loss    0.25",
        '  matrix  {"a": 1}',
        "  step1  NotStarted  step1",
    ):
        assert line in text.splitlines()
    assert "parent" not in text


def test_a_run_as_a_document(workspace: Workspace) -> None:
    made(workspace, "one", "0.1", [0.5, 0.25])
    document = json.loads(json.dumps(run_document(workspace.runs.get("one"), workspace)))
    assert document["metrics"] == {"loss": {"value": 0.25, "step": 1, "timestamp": 1}}
    assert document["values"] == {"loss": [0.5, 0.25]}
    assert document["definition"]["inputs"] == {"lr": 0.1}
    assert document["error"] is None
    assert document["folder"] == str(workspace.folder_of("one"))


def test_a_comparison_tells_what_differs(workspace: Workspace) -> None:
    made(workspace, "one", "0.1", [0.5])
    made(workspace, "two", "0.2", [0.4])
    runs = [workspace.runs.get(name) for name in ("one", "two")]
    lines = compared(runs, workspace)
    different = {(line.section, line.key) for line in lines if line.differs}
    assert different == {
        ("definition", "command"),
        ("definition", "inputs.lr"),
        ("parameters", "lr"),
        ("metrics", "loss"),
    }
    text = comparison_text(["one", "two"], lines).splitlines()
    assert text[0].split() == ["one", "two", "CHANGE"]
    assert [line.split() for line in text if line.startswith("  loss")] == [
        ["loss", "0.5", "0.4", "-0.1"]
    ]
    assert [line.split() for line in text if line.startswith("  depth")] == [["depth", "3", "3"]]
    document = comparison_document(["one", "two"], lines)
    assert document["parameters"]["lr"] == {"values": {"one": "0.1", "two": "0.2"}, "differs": True}
    assert document["parameters"]["depth"]["differs"] is False


def test_what_a_run_does_not_have_is_a_difference(workspace: Workspace) -> None:
    made(workspace, "one", "0.1", [0.5])
    made(workspace, "two", "0.1", [])
    made(workspace, "three", "0.1", [0.5])
    runs = [workspace.runs.get(name) for name in ("one", "two", "three")]
    lines = compared(runs, workspace)
    assert [line.values for line in lines if line.differs] == [(0.5, None, 0.5)]
    last = comparison_text(["one", "two", "three"], lines).splitlines()[-1]
    assert last.split() == ["loss", "0.5", "-", "0.5"]


def history(*values: float, steps: bool = True) -> list[Metric]:
    return [
        Metric(key="loss", value=value, step=index if steps else 0, timestamp=index)
        for index, value in enumerate(values)
    ]


def test_a_plot_is_plain_text_without_colour() -> None:
    drawn = plot("loss", {"one": history(3, 2, 1)}, width=60, color=False)
    assert "loss" in drawn
    assert "\x1b" not in drawn
    assert all(len(line) <= 60 for line in drawn.splitlines())
    assert "\x1b" in plot("loss", {"one": history(3, 2, 1)}, width=60, color=True)


def test_several_runs_are_named_in_the_plot() -> None:
    drawn = plot("loss", {"one": history(3, 1), "two": history(2, 2)}, width=60, color=False)
    assert "one" in drawn
    assert "two" in drawn


@pytest.mark.parametrize("values", [(), (1.0,), (1.0, math.nan), (math.inf, math.nan, 2.0)])
def test_what_is_no_line_is_not_plotted(values: tuple[float, ...]) -> None:
    assert plot("loss", {"one": history(*values)}, width=60, color=False) == ""


def test_without_steps_the_order_counts() -> None:
    assert points(history(5, math.nan, 7, steps=False)) == [(0, 5), (2, 7)]
