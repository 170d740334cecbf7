import pytest

from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.events import BuildEvent, StepFailed, StepLog, StepStarted
from toolkit.errors import BuildFailed


def journal_of(*events: BuildEvent) -> Journal:
    journal = Journal(lambda event: None)
    for event in events:
        journal.tell(event)
    return journal


def test_events_are_passed_on() -> None:
    seen: list[BuildEvent] = []
    event = StepLog(step=1, text="hi")
    Journal(seen.append).tell(event)
    assert seen == [event]


@pytest.mark.parametrize(
    "error",
    [
        "executor failed running [/bin/sh -c pip]: exit code: 3",
        'process "/bin/sh -c pip" did not complete successfully: exit code: 3',
        "while running runtime: exit status 3",
    ],
)
def test_a_failing_command_names_step_exit_code_and_last_lines(error: str) -> None:
    lines = "".join(f"line {number}\n" for number in range(1, 51))
    failure = journal_of(
        StepStarted(step=4, name="RUN pip"),
        StepLog(step=4, text=lines[:100]),
        StepLog(step=4, text=lines[100:]),
        StepStarted(step=5, name="RUN other"),
        StepLog(step=5, text="innocent\n"),
        StepFailed(step=4, error=error),
    ).failure(f"failed to solve: {error}")
    last = "\n".join(f"line {number}" for number in range(31, 51))
    assert failure == BuildFailed(
        "build step `RUN pip` failed with exit code: 3", details=last, hint=""
    )


def test_steps_cancelled_beside_it_are_not_blamed() -> None:
    failure = journal_of(
        StepStarted(step=1, name="RUN slow"),
        StepStarted(step=2, name="RUN bad"),
        StepFailed(step=1, error="executor failed running [slow]: context canceled"),
        StepFailed(step=2, error="executor failed running [bad]: exit code: 1"),
    ).failure("rpc error: something else")
    assert failure.message == "build step `RUN bad` failed with exit code: 1"


def test_a_step_without_exit_code_says_its_error() -> None:
    failure = journal_of(
        StepStarted(step=1, name="COPY a /a"), StepFailed(step=1, error='"/a" not found: not found')
    ).failure('"/a" not found: not found')
    assert failure.message == 'build step `COPY a /a` failed: "/a" not found: not found'


@pytest.mark.parametrize(
    ("step", "image"),
    [
        ("load metadata for docker.io/library/nope:1", "nope:1"),
        ("load metadata for docker.io/me/nope:1", "me/nope:1"),
        ("load metadata for feeds.example/azureml/base:v2", "feeds.example/azureml/base:v2"),
        ("FROM docker.io/library/nope:1@sha256:12", "nope:1@sha256:12"),
        ("FROM --platform=linux/arm64 nope:1 AS tools", "nope:1"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_named(step: str, image: str) -> None:
    failure = journal_of(
        StepStarted(step=3, name=step), StepFailed(step=3, error="no such host")
    ).failure("failed to solve: no such host")
    assert failure.message == f"image to build on cannot be pulled: `{image}`"
    assert failure.details == "no such host"
    assert "[images]" in failure.hint
    assert "aml-emu.toml" in failure.hint


def test_an_error_of_no_step_loses_the_routine_words() -> None:
    failure = journal_of().failure(
        "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
        "dockerfile parse error line 1: unknown instruction: FRUM"
    )
    assert failure.message == (
        "the image cannot be built: dockerfile parse error line 1: unknown instruction: FRUM"
    )


def test_a_killed_step_hints_at_memory() -> None:
    failure = journal_of(
        StepStarted(step=1, name="RUN x"), StepFailed(step=1, error="x: exit code: 137")
    ).failure("x: exit code: 137")
    assert "memory" in failure.hint


def test_a_very_long_command_is_shortened_in_the_message() -> None:
    failure = journal_of(
        StepStarted(step=1, name="RUN " + "x" * 5000), StepFailed(step=1, error="exit code: 1")
    ).failure("exit code: 1")
    assert len(failure.message) < 250


def test_a_step_that_prints_without_end_is_kept_in_bounds() -> None:
    journal = journal_of(*(StepLog(step=1, text="." * 10_000) for _ in range(100)))
    assert len(journal.tail(1)) <= 1 << 16
