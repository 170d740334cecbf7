"""What `aml-emu build` tells while it works: JSON lines, plain lines, a terminal's live lines."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.project import Project, Tree

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]
BUILD = ("build", "--env", "env.yml", "--kind", "training")


def env(name: str, *lines: str) -> str:
    listed = "".join(f"      - {line}\n" for line in ("tabulate==0.9.0", *lines))
    return f"name: {name}\ndependencies:\n  - python=3.11\n  - pip:\n{listed}"


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_cause_the_steps_and_their_seconds_as_json(
    project: MakeProject, base_image: str, fresh_name: Callable[[], str]
) -> None:
    name = fresh_name()
    made = project({"env.yml": env(name, "six==1.16.0"), ".aml-emu": {}})
    first = json.loads(made.run(*BUILD, "--json").assert_success().out)
    assert (first["built"], first["since"], first["changes"]) == (True, None, [])

    (made.path / "env.yml").write_text(env(name, "six==1.17.0", "toolz==1.0.0"))
    outcome = made.run(*BUILD, "--json").assert_success()
    document = json.loads(outcome.out)
    assert document["since"] == first["tag"]
    assert document["changes"] == ["toolz==1.0.0 added", "six 1.16.0 -> 1.17.0"]
    steps = {step["title"]: step for step in document["steps"]}
    assert steps["fetch the installer (uv) and the debugger"]["cached"]
    assert not steps["install the other packages"]["cached"]
    assert 0 < steps["install the other packages"]["seconds"] < document["seconds"]

    told = events(outcome.err)
    assert {"inputs_changed", "step_started", "step_done", "step_cached", "image_ready"} <= {
        event["event"] for event in told
    }
    assert told[-1]["event"] == "note"

    again = made.run(*BUILD, "--json").assert_success()
    document = json.loads(again.out)
    assert (document["built"], document["steps"], document["changes"]) == (False, [], [])
    assert events(again.err) == [{"event": "note", "text": "unchanged: nothing to build"}]


def test_every_change_is_one_sentence_for_people(
    project: MakeProject, base_image: str, fresh_name: Callable[[], str]
) -> None:
    name = fresh_name()
    made = project({"env.yml": env(name), ".aml-emu": {}})
    first = made.run(*BUILD).assert_success().out.strip()
    with (made.path / "env.yml").open("a") as file:
        file.write("variables:\n  A: b\n")
    said = made.run(*BUILD).assert_success().err
    assert f"changed since {first}: another Dockerfile\n" in said
    assert " s  [" in said
    assert "steps were cached" in said


def test_a_terminal_shows_what_runs(
    project: MakeProject, base_image: str, fresh_name: Callable[[], str]
) -> None:
    made = project({"env.yml": env(fresh_name()), ".aml-emu": {}})
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", *BUILD],
        cwd=made.path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=inner,
    )
    os.close(inner)
    shown = read_all(outer)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    assert out.startswith(b"aml-emu/")
    assert "\x1b[?25l" in shown, "the cursor is hidden while lines move"
    assert "\x1b[?25h" in shown, "and comes back"
    assert "install the other packages" in shown


def read_all(terminal: int) -> str:
    """Everything until the other side closes."""
    pieces: list[bytes] = []
    while select.select([terminal], [], [], 120)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so at the end of a terminal
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode(errors="replace")


def test_an_error_comes_after_the_events(project: MakeProject, base_image: str) -> None:
    made = project({"Dockerfile": f"FROM {base_image}\nRUN exit 7\n", ".aml-emu": {}})
    outcome = made.run("build", "--env", "Dockerfile", "--kind", "training", "--json")
    outcome.assert_failed(4)
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("error: "))
    assert "exit code: 7" in lines[at]
    assert json.loads(lines[at - 1])["event"] in {"step_failed", "step_log", "step_done"}


def test_the_first_steps_run_while_the_lock_is_made_and_are_told_once(
    project: MakeProject, base_image: str, fresh_name: Callable[[], str]
) -> None:
    name = fresh_name()
    made = project({"env.yml": env(name), ".aml-emu": {}})
    outcome = made.run(*BUILD, "--json").assert_success()
    told = events(outcome.err)
    ready = [event["id"] for event in told if event["event"] == "image_ready"]
    assert ready == ["", json.loads(outcome.out)["id"]]
    ahead = told[: [event["event"] for event in told].index("image_ready")]
    titles = {event["title"] for event in ahead if event["event"] == "step_started"}
    assert "fetch the installer (uv) and the debugger" in titles
    assert "install the other packages" not in titles
    told_steps = json.loads(outcome.out)["steps"]
    steps = [(step["place"], step["title"]) for step in told_steps if step["place"]]
    assert len(steps) == len(set(steps))


def test_a_lock_that_cannot_be_made_ends_what_was_begun(
    project: MakeProject, base_image: str, fresh_name: Callable[[], str]
) -> None:
    made = project({"env.yml": env(fresh_name(), "tabulate==0.8.0"), ".aml-emu": {}})
    outcome = made.run(*BUILD).assert_failed(2)
    assert "no set of versions meets these requirements" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("hint: ")
