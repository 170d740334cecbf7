import json
from dataclasses import dataclass, field

import pytest

from toolkit.cli.progress import BuildProgress, Step, finished_line
from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    InputsChanged,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
)

SYNC = "RUN --mount=type=cache,id=x uv pip install --python p --requirement /tmp/further.lock"
BUILD: tuple[BuildEvent, ...] = (
    InputsChanged(since="aml-emu/iris:1", changes=("six==1.17.0 added", "another Dockerfile")),
    StepStarted(step=1, name="load metadata", place="internal"),
    StepDone(step=1, seconds=0.2),
    StepStarted(step=2, name="FROM aml-emu/base", place="stage-1 1/3"),
    StepCached(step=2),
    StepStarted(step=3, name=SYNC, place="stage-1 2/3"),
    StepLog(step=3, text="Resolved 5\nInstalled 5 packages\n"),
    StepDone(step=3, seconds=3.25),
    StepStarted(step=4, name="COPY mine /", place="stage-1 3/3"),
    StepDone(step=4, seconds=0.01),
    ImageReady(id="sha256:1"),
)


@dataclass
class Board:
    """A view that remembers."""

    notes: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    events: list[BuildEvent] = field(default_factory=list)
    closed: bool = False

    def note(self, text: str) -> None:
        self.notes.append(text)

    def running(self, _number: int, step: Step, said: str) -> None:
        self.said.append((step.label, said))

    def ended(self, _number: int, step: Step) -> None:
        self.done.append(step.label)

    def event(self, event: BuildEvent, step: Step | None) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


def shown(*events: BuildEvent) -> tuple[BuildProgress, Board]:
    board = Board()
    with BuildProgress(view=board) as progress:
        for event in events:
            progress(event)
    assert board.closed
    return progress, board


def test_the_cause_of_a_build_is_one_sentence() -> None:
    _, board = shown(*BUILD)
    assert board.notes == ["changed since aml-emu/iris:1: six==1.17.0 added; another Dockerfile"]


def test_steps_have_readable_names_and_their_last_line() -> None:
    _, board = shown(*BUILD)
    assert ("[2/3] install the other packages", "Installed 5 packages") in board.said


def test_the_document_has_seconds_and_what_was_cached() -> None:
    progress, _ = shown(*BUILD)
    document = progress.document()
    assert document["since"] == "aml-emu/iris:1"
    assert document["changes"] == ["six==1.17.0 added", "another Dockerfile"]
    assert [(s["title"], s["seconds"], s["cached"]) for s in document["steps"]] == [
        ("FROM aml-emu/base", 0.0, True),
        ("install the other packages", 3.25, False),
        ("COPY mine /", 0.01, False),
    ]
    assert document["steps"][1]["name"] == SYNC
    assert progress.summary() == "1 of 3 steps were cached"


def test_a_build_of_nothing_has_an_empty_document() -> None:
    progress, _ = shown()
    assert progress.document() == {"since": None, "changes": [], "steps": []}
    assert progress.summary() == ""


def test_builds_in_a_row_count_their_steps_anew() -> None:
    progress, board = shown(
        *BUILD[1:], StepStarted(step=1, name="COPY other /"), ImageReady(id="2")
    )
    assert board.said[-1] == ("COPY other /", "")
    assert len(progress.document()["steps"]) == 3, "the last step has not ended"


def test_what_was_done_ahead_of_the_build_is_told_once() -> None:
    step = StepStarted(step=1, name="RUN x", place="tools 2/2")
    done = (step, StepDone(step=1, seconds=1.5), ImageReady(id=""))
    progress, _ = shown(*done, step, StepCached(step=1), ImageReady(id="sha256:1"))
    (told,) = progress.document()["steps"]
    assert (told["seconds"], told["cached"]) == (1.5, False)
    assert progress.summary() == ""


def test_an_image_that_both_builds_stand_on_is_told_once() -> None:
    step = StepStarted(step=1, name="FROM base", place="tools 1/2")
    looked_up = (step, StepDone(step=1, seconds=0.01))
    progress, _ = shown(*looked_up, ImageReady(id=""), *looked_up, ImageReady(id="sha256:1"))
    assert len(progress.document()["steps"]) == 1


def test_a_step_that_really_ran_in_both_builds_is_told_twice() -> None:
    step = StepStarted(step=1, name="RUN x", place="2/2")
    ran = (step, StepDone(step=1, seconds=1.5))
    progress, _ = shown(*ran, ImageReady(id="sha256:1"), *ran, ImageReady(id="sha256:2"))
    assert len(progress.document()["steps"]) == 2


def test_a_step_that_ends_twice_is_one_step() -> None:
    again = StepStarted(step=1, name="FROM x", place="1/2")
    progress, _ = shown(again, StepDone(step=1, seconds=0.5), again, StepDone(step=1, seconds=2.0))
    assert [step["seconds"] for step in progress.document()["steps"]] == [2.5]


def test_news_of_unknown_steps_is_no_error() -> None:
    progress, _ = shown(
        StepDone(step=9, seconds=1.0),
        StepCached(step=8),
        StepLog(step=7, text="hm\n"),
        Transfer(step=0, what="build context", current=5 << 20, total=10 << 20),
        StepFailed(step=6, error="no"),
    )
    assert progress.document()["steps"] == []


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step(name="", title="install", place="2/3", seconds=3.25), "  3.2 s  [2/3] install"),
        (Step(name="", title="write", place="", seconds=0.5), "  0.5 s  write"),
        (Step(name="", title="quick", place="1/3", seconds=0.01), None),
        (Step(name="", title="there", place="1/3", seconds=0.0, cached=True), None),
        (Step(name="", title="load", place="internal", seconds=9.0), None),
    ],
)
def test_a_line_is_left_of_what_somebody_waited_for(step: Step, line: str | None) -> None:
    assert finished_line(step) == line


def test_json_has_a_line_for_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    with BuildProgress(json=True) as progress:
        progress.say("hello")
        for event in BUILD:
            progress(event)
    out, err = capsys.readouterr()
    assert out == ""
    documents = [json.loads(line) for line in err.splitlines()]
    assert documents[0] == {"event": "note", "text": "hello"}
    kinds = [document["event"] for document in documents if document["event"] != "note"]
    assert kinds == [
        "inputs_changed", "step_started", "step_done", "step_started", "step_cached",
        "step_started", "step_log", "step_done", "step_started", "step_done", "image_ready",
    ]  # fmt: skip
    started = next(d for d in documents if d.get("step") == 3 and d["event"] == "step_started")
    assert started == {
        "event": "step_started",
        "step": 3,
        "name": SYNC,
        "place": "stage-1 2/3",
        "title": "install the other packages",
    }


def test_off_a_terminal_there_is_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    with BuildProgress() as progress:
        for event in BUILD:
            progress(event)
    err = capsys.readouterr().err
    assert "  3.2 s  [2/3] install the other packages\n" in err
    assert "Installed" not in err
    assert err.count("\n") == 2
