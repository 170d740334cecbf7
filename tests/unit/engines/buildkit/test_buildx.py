"""Builds by `docker buildx`, played by a script that says what buildx was seen to say."""

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from toolkit.engines.buildkit import BuildCancelled, BuildRequest, context_of
from toolkit.engines.buildkit.buildx import build, read_status
from toolkit.engines.buildkit.stepbook import StepBook
from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
    Transfer,
)
from toolkit.errors import BuildFailed, EmuError, EngineUnavailable
from toolkit.plans.model import PlacedFile

DOCKERFILE = PlacedFile(path=PurePosixPath("Dockerfile"), content=b"FROM base\n")
VERTEX = {"digest": "sha256:1", "name": "[tools 2/2] RUN x", "started": "2026-01-02T03:04:05.5Z"}
DONE = {**VERTEX, "completed": "2026-01-02T03:04:07.750000000Z"}
REQUEST = BuildRequest(
    context=context_of([DOCKERFILE]),
    tags=("a:1", "b:2"),
    labels={"io.aml-emu.inputs": "12"},
    build_args={"http_proxy": "http://p"},
    platform="linux/arm64",
    secrets={"ca": b"PEM", "netrc": b"machine h"},
    no_cache=True,
)
Play = Callable[..., str]
ENVIRON = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Makes a program that notes its arguments, its stdin and its secrets, and says this."""

    def make(said: str, *, code: int = 0, then: str = "") -> str:
        (tmp_path / "said").write_text(said)
        script = tmp_path / "played"
        script.write_text(
            f"#!/bin/sh\ncd {tmp_path}\nprintf '%s\\n' \"$@\" >argv\ncat >stdin\n"
            'for each in "$@"; do case "$each" in --secret=*) cat "${each##*src=}" >>secrets;; '
            f"esac; done\ncat said >&2\n{then}\nexit {code}\n"
        )
        script.chmod(0o755)
        return str(script)

    return make


def line(**status: Any) -> str:
    return json.dumps(status) + "\n"


@pytest.mark.parametrize("indent", [None, 2], ids=["a line each", "many lines"])
def test_the_command_has_all_that_was_asked_for(
    tmp_path: Path, play: Play, indent: int | None
) -> None:
    events: list[BuildEvent] = []
    told = [{"vertexes": [VERTEX]}, {"vertexes": [DONE]}]
    said = "".join(f"{json.dumps(each, indent=indent)}\n" for each in told)
    build(REQUEST, "far", on_event=events.append, environ=ENVIRON, program=play(said))
    argv = (tmp_path / "argv").read_text().splitlines()
    assert argv[:2] == ["buildx", "build"]
    assert argv[-1] == "-"
    assert {
        "--builder=far", "--progress=rawjson", "--load", "--file=Dockerfile", "--tag=a:1",
        "--tag=b:2", "--label=io.aml-emu.inputs=12", "--build-arg=http_proxy=http://p",
        "--platform=linux/arm64", "--no-cache",
    } <= set(argv)  # fmt: skip
    assert (tmp_path / "stdin").read_bytes() == b"".join(REQUEST.context())
    assert (tmp_path / "secrets").read_bytes() == b"PEMmachine h"
    secrets = [Path(each.rpartition("src=")[2]) for each in argv if each.startswith("--secret=")]
    assert len(secrets) == 2
    assert not [path for path in secrets if path.exists()]
    assert events == [
        StepStarted(step=1, name="RUN x", place="tools 2/2"),
        StepDone(step=1, seconds=2.25),
    ]


def test_progress_becomes_events() -> None:
    book = StepBook()
    status = {
        "vertexes": [{**DONE, "cached": True}, {"digest": "sha256:2", "name": "planned"}],
        "statuses": [{"vertex": "sha256:1", "id": "extracting", "current": 5, "total": 9}],
        "logs": [{"vertex": "sha256:1", "data": base64.b64encode("é".encode()).decode()}],
    }
    assert list(read_status(book, status)) == [
        StepStarted(step=1, name="RUN x", place="tools 2/2"),
        StepCached(step=1),
        Transfer(step=1, what="extracting", current=5, total=9),
        StepLog(step=1, text="é"),
    ]
    assert list(read_status(book, {})) == []


def test_a_failing_step_gives_its_last_lines(play: Play) -> None:
    log = {"vertex": "sha256:1", "data": base64.b64encode(b"no such thing\n").decode()}
    error = 'process "/bin/sh -c x" did not complete successfully: exit code: 3'
    said = (
        line(vertexes=[VERTEX], logs=[log])
        + line(vertexes=[{**DONE, "error": error}])
        + f"ERROR: failed to solve: {error}\n"
    )
    events: list[BuildEvent] = []
    with pytest.raises(BuildFailed) as caught:
        build(REQUEST, "far", on_event=events.append, environ=ENVIRON, program=play(said, code=1))
    assert isinstance(events[-1], StepFailed)
    assert "exit code: 3" in caught.value.message
    assert "no such thing" in caught.value.details


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        ("docker: unknown command: docker buildx\n", EngineUnavailable, "no buildx of version"),
        ("unknown flag: --provenance\n", EngineUnavailable, "no buildx of version"),
        ('ERROR: no builder "far" found\n', BuildFailed, 'no builder "far" found'),
    ],
)
def test_what_buildx_refuses_is_said(
    play: Play, said: str, kind: type[EmuError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        build(REQUEST, "far", on_event=print, environ=ENVIRON, program=play(said, code=1))


def test_without_docker_it_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="program not found: /nowhere/mine"):
        build(REQUEST, "far", on_event=print, environ=ENVIRON, program="/nowhere/mine")


def test_cancelling_ends_the_command(play: Play) -> None:
    cancel = threading.Event()
    program = play(line(vertexes=[VERTEX]), then="exec sleep 600")
    with pytest.raises(BuildCancelled):
        build(
            REQUEST,
            "far",
            on_event=lambda _: cancel.set(),
            environ=ENVIRON,
            cancel=cancel,
            program=program,
        )
