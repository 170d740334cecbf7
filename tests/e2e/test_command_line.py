"""What every command has in common: help, usage errors, and no Python traceback."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.project import Project, Tree
from toolkit.engines.command import own_module

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
        (["frob"], "error: no such command 'frob'\nhint: run `aml-emu --help`\n"),
        (["serve"], "error: missing argument 'script'\nhint: run `aml-emu serve --help`\n"),
        (["assets", "show"], "hint: run `aml-emu assets show --help`\n"),
        (["invoke", "--stram"], "error: no such option: --stram"),
        (["serve", "score.py", "--env", "env.yml", "--port", "70000"], "65535"),
        (["serve", "score.py", "--env", "env.yml", "--reload", "often"], "often"),
        (["invoke", "--data", "{}", "--file", "x"], "either `--data JSON` or `--file FILE`"),
        (["invoke", "--file", "missing.json"], "request file not found: missing.json"),
        (["ps", "--engine", "swarm"], "unknown engine: swarm"),
        (["assets", "list", "--kind", "thing"], "'thing' is not one of 'data', 'model'"),
        (["assets", "show", "x"], "error: nothing was run or registered in this project yet"),
        (["invoke", "--data", "x", "--header", "bad"], "error: not a header: bad"),
        (["invoke", "--data", "x", "--header", "X-Ü: 1"], "error: not a header: X-Ü: 1"),
        (["invoke", "--data", "x", "--header", "x: 日本"], "error: not a header: x: 日本"),
        (["invoke", "--data", "x", "--path", "score"], "error: not a path: score"),
        (["invoke", "--data", "x", "--path", "/a b"], "error: not a path: /a b"),
        (["invoke", "--data", "x", "--timeout", "-1"], "-1.0 is not in the range x>=0"),
        (["logs", "--tail", "-1"], "-1 is not in the range x>=0"),
        (
            ["build", "--env", "e", "--dockerfile-only", "d", "--tag", "t"],
            "`--tag` is for an image",
        ),
        (["build", "--env", "e", "--dockerfile-only", "d", "--no-cache"], "`--no-cache` is for an"),
        (["base", "make", "--tar", "t.tar", "--from", "debian"], "`--from` and `--tar` exclude"),
        (["replay", "iris", "--list", "--diff"], "`--list` sends nothing"),
        (["runs", "logs", "--list", "--follow"], "`--list` prints no log"),
        (["runs", "compare", "one", "one"], "name two runs or more\nhint: `aml-emu runs list`"),
        (["runs", "list", "--since", "99999999999w"], "`--since`: not a time: `99999999999w`"),
        (["runs", "list", "--since", "0001-01-01"], "`--since`: not a time: `0001-01-01`"),
        (["debug", "explain", "nope.py:1"], "file not found: nope.py\nhint: check the path"),
        (["stop"], "error: no service is running\nhint: start one with `aml-emu serve`\n"),
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


def test_nothing_asked_is_help(project: MakeProject) -> None:
    assert project({}).run().assert_failed(2).err.startswith("Usage: aml-emu")


def test_a_source_directory_that_is_not_there(project: MakeProject) -> None:
    tree = {"score.py": "def init(): ...\ndef run(data): ...\n", "env.yml": "dependencies: []\n"}
    given = ("package", "score.py", "--env", "env.yml", "--source-directory", "nope")
    outcome = project(tree).run(*given, environ=NO_ENGINE).assert_failed(2)
    assert outcome.err.startswith("error: source directory not found: nope\n")


def test_a_command_of_ours_is_not_taken_from_the_users_folder(project: MakeProject) -> None:
    users = 'raise SystemExit("the user\'s own")\n'
    names = ("secrets.py", "queue.py", "typer.py", "toolkit/__init__.py", "toolkit/cli.py")
    here = project(dict.fromkeys(names, users))
    for arguments in (("--help",), ("env", "list")):
        command = own_module("toolkit.cli", *arguments)
        done = subprocess.run(command, cwd=here.path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--wait", "3"),
            "error: `--wait` is for debugging, which was not asked for: pipeline.yml",
        ),
        (("--wait",), "error: `--wait` is for debugging"),
        (("--debug-port", "5700"), "error: `--debug-port` is for debugging"),
        (("--debug-on-error", "--debug-port", "5700"), "error: `--debug-port` is for `--debug`"),
        (("--debug", "--wait", "-1"), "-1.0 is not in the range x>=0"),
    ],
)
def test_flags_of_debugging_for_a_pipeline(
    project: MakeProject, flags: tuple[str, ...], said: str
) -> None:
    job = "{type: command, command: echo, environment: {image: an/image}}"
    here = project({"pipeline.yml": f"type: pipeline\njobs:\n  one: {job}\n"})
    outcome = here.run("run", "pipeline.yml", *flags, environ=NO_ENGINE).assert_failed(2)
    assert said in outcome.err
    assert not list(here.path.rglob("launch.json"))


def test_nothing_to_stop_is_said(project: MakeProject) -> None:
    outcome = project({}).run("down", "--engine", "process").assert_success()
    assert outcome.err == "aml-emu  nothing of this project is running\n"
