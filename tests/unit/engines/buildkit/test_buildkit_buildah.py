"""The transcript lines are those of Podman 4.3."""

from toolkit.engines.buildkit.buildah import Transcript
from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
)


class Clock:
    """Half a second passes between two looks at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def read(*lines: str) -> list[BuildEvent]:
    transcript = Transcript(Clock())
    return [event for line in lines for event in transcript.read(line)]


def test_steps_output_and_commit() -> None:
    assert read(
        "STEP 1/2: FROM base\n",
        "STEP 2/2: RUN echo hi\n",
        "hi\n",
        "COMMIT docker.io/library/x:1\n",
        "--> f732fb27f92\n",
        "Successfully tagged docker.io/library/x:1\n",
    ) == [
        StepStarted(step=1, name="FROM base", place="1/2"),
        StepDone(step=1, seconds=0.5),
        StepStarted(step=2, name="RUN echo hi", place="2/2"),
        StepLog(step=2, text="hi\n"),
        StepDone(step=2, seconds=0.5),
        StepStarted(step=3, name="COMMIT docker.io/library/x:1"),
        StepDone(step=3, seconds=0.5),
    ]


def test_a_cached_step() -> None:
    assert read("STEP 2/2: RUN x\n", "--> Using cache 2163d1a0\n", "--> 2163d1a0\n") == [
        StepStarted(step=1, name="RUN x", place="2/2"),
        StepCached(step=1),
    ]


def test_stages_are_part_of_the_place() -> None:
    assert read("[1/2] STEP 2/3: RUN x\n") == [StepStarted(step=1, name="RUN x", place="1/2 2/3")]


def test_an_error_belongs_to_the_running_step() -> None:
    transcript = Transcript(Clock())
    list(transcript.read("STEP 2/2: RUN exit 7\n"))
    error = 'building at STEP "RUN exit 7": while running runtime: exit status 7'
    assert list(transcript.fail(error)) == [
        StepFailed(step=1, error="while running runtime: exit status 7")
    ]


def test_an_error_before_any_step_belongs_to_none() -> None:
    assert list(Transcript(Clock()).fail("no FROM statement found")) == []
