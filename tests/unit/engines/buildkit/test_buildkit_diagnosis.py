import pytest

from toolkit.engines.buildkit.diagnosis import diagnose
from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.events import StepFailed, StepLog, StepStarted
from toolkit.errors import BuildFailed

EXIT_1 = "executor failed running [/bin/sh -c x]: exit code: 1"


def failed(said: str, error: str = EXIT_1) -> BuildFailed:
    journal = Journal(lambda _: None)
    journal.tell(StepStarted(step=1, name="RUN x"))
    journal.tell(StepLog(step=1, text=said))
    journal.tell(StepFailed(step=1, error=error))
    return journal.failure(f"failed to solve: {error}")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("sh: write error: No space left on device\n", "the disk of the container engine is full"),
        ("[Errno 122] Disk quota exceeded\n", "the disk of the container engine is full"),
        (
            "the image has no Python\n",
            "the base image has no Python 3.8 or newer, which fetches the packages",
        ),
        (
            "the base image has no libstdc++.so.6, which …\n",
            (
                "the base image has no libstdc++.so.6, which compiled packages of this "
                "environment need"
            ),
        ),
        (
            "the Python of the base image has no pip and no ensurepip, which …\n",
            "the Python of the base image has neither pip nor ensurepip, which fetch the packages",
        ),
        (
            "HTTP status client error (401 Unauthorized) for url (http://h)\n",
            "a package index refused the build's login",
        ),
        (
            "invalid peer certificate: UnknownIssuer\n",
            "the certificate of a package index is not trusted in the build",
        ),
    ],
)
def test_a_cause_worth_naming_is_the_message_and_the_step_is_the_evidence(
    said: str, problem: str
) -> None:
    failure = failed(said)
    assert failure.message == problem
    assert failure.details == f"build step `RUN x` failed with exit code: 1\n{said.rstrip()}"
    assert failure.hint


def test_the_builders_own_error_counts_too() -> None:
    error = "failed to copy files: write /var/lib/docker/x: no space left on device"
    assert failed("", error).message == "the disk of the container engine is full"
    journal = Journal(lambda _: None)
    assert journal.failure(f"failed to export: {error}").message == (
        "the disk of the container engine is full"
    )


@pytest.mark.parametrize(
    "said",
    [
        "",
        "port 401 is taken\n",
        "echo the image has no Python in it, says my script\n",
        "HTTP 404 Not Found\n",
    ],
)
def test_anything_else_is_the_steps_own_failure(said: str) -> None:
    assert diagnose(said, 1) is None
    assert failed(said).message == "build step `RUN x` failed with exit code: 1"
