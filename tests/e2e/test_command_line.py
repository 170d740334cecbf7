"""What every command has in common: help, usage errors, and no Python traceback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.project import Project, Tree

COMMANDS = ("build", "serve", "invoke", "ps", "logs", "stop", "down", "doctor", "base make")
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere.sock"}

MakeProject = Callable[[Tree], Project]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(project: MakeProject, command: str) -> None:
    said = project({}).run(*command.split(), "--help").assert_success().out
    assert said.startswith("Usage: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frob"], "No such command"),
        (["serve"], "Missing argument"),
        (["serve", "score.py", "--env", "env.yml", "--port", "70000"], "65535"),
        (["serve", "score.py", "--env", "env.yml", "--reload", "often"], "often"),
        (["invoke", "--data", "{}", "--file", "x"], "either `--data JSON` or `--file FILE`"),
        (["invoke", "--file", "missing.json"], "request file not found: missing.json"),
        (["ps", "--engine", "swarm"], "unknown engine: swarm"),
    ],
)
def test_wrong_usage_is_exit_code_2(project: MakeProject, arguments: list[str], said: str) -> None:
    outcome = project({}).run(*arguments, environ=NO_ENGINE).assert_failed(2)
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_an_engine_that_does_not_answer_is_exit_code_3(project: MakeProject) -> None:
    outcome = project({}).run("ps", "--engine", "docker", environ=NO_ENGINE).assert_failed(3)
    assert outcome.err.startswith("error: no Docker engine answers at unix:///nowhere.sock")
    assert outcome.out == ""


def test_narration_has_no_colour_codes_off_a_terminal(project: MakeProject) -> None:
    outcome = project({}).run("build", "--env", "nope.yml", environ=NO_ENGINE).assert_failed(2)
    assert "\x1b" not in outcome.err
