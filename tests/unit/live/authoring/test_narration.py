from __future__ import annotations

from toolkit.engines.events import (
    ImageReady,
    InputsChanged,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
)
from toolkit.live.authoring.narration import BuildLines


def test_a_build_is_told_in_whole_lines() -> None:
    said: list[str] = []
    lines = BuildLines(said.append)
    for event in (
        InputsChanged(since="x:1", changes=("another base",)),
        StepStarted(step=1, name="resolve", place="internal"),
        StepStarted(step=2, name="RUN make it", place="1/2"),
        StepStarted(step=2, name="RUN make it", place="1/2"),
        StepLog(step=2, text="one\r\ntw"),
        StepLog(step=2, text="o\nthree"),
        StepDone(step=2, seconds=1.0),
        StepStarted(step=3, name="RUN more", place="2/2"),
        StepCached(step=3),
        StepFailed(step=4, error="exit code 1"),
        ImageReady(id="abc"),
        StepStarted(step=2, name="FROM x", place=""),
    ):
        lines(event)
    assert said == [
        "changed since x:1: another base",
        "Step 1/2 : RUN make it",
        "one",
        "two",
        "Step 2/2 : RUN more",
        " ---> cached: RUN more",
        "exit code 1",
        "FROM x",
    ]
