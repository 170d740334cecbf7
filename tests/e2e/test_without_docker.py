"""A day with aml-emu where no Docker engine answers: every command, the default engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.served import ENV_YML, SCORE_PY
from tests.project import Outcome, Project, write_tree
from toolkit.engines.ports import free_port

RUN_LINE = 9  # `doubled = …` in SCORE_PY


@dataclass(frozen=True)
class Desk:
    """A project with a service that was started in it, detached."""

    project: Project
    environ: Mapping[str, str]
    name: str

    def run(self, *arguments: str) -> Outcome:
        return self.project.run(*arguments, environ=self.environ)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    path = tmp_path_factory.mktemp("d") / "project"
    write_tree(path, {"env.yml": ENV_YML, "score.py": SCORE_PY, "aml-emu.toml": ""})
    environ = {
        "DOCKER_HOST": "unix:///hidden.sock",
        "XDG_CACHE_HOME": str(path.parent),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv"),
    }
    desk = Desk(Project(path), environ, f"test-{os.urandom(4).hex()}")
    ports = ("--port", str(free_port()), "--debug-port", str(free_port()))
    started = ("serve", "score.py", "--env", "env.yml", "--name", desk.name, "--detach", "--debug")
    try:
        desk.run(*started, *ports).assert_success()
        yield desk
    finally:
        desk.run("down").assert_success()


def test_the_service_is_listed(desk: Desk) -> None:
    said = desk.run("ps").assert_success().out
    assert f"{desk.name}  running  http://127.0.0.1:" in said


def test_it_is_called_and_its_log_is_read(desk: Desk) -> None:
    assert json.loads(desk.run("invoke", "--data", '{"number": 4}').assert_success().out) == {
        "answer": 8
    }
    assert "POST /score 200" in desk.run("logs", desk.name).assert_success().out


def test_a_breakpoint_is_traced(desk: Desk) -> None:
    place, show = f"score.py:{RUN_LINE}", ("--print", "number")
    said = desk.run("debug", "trace", place, *show, "--data", '{"number": 21}').assert_success()
    (hit,) = map(json.loads, said.out.splitlines())
    assert hit["file"] == str(desk.project.path / "score.py")
    assert hit["values"] == {"number": "21"}


def test_a_breakpoint_is_explained(desk: Desk) -> None:
    said = desk.run("debug", "explain", f"score.py:{RUN_LINE}", "--json")
    document = json.loads(said.out)
    assert document["service"] == desk.name
    assert said.exit_code == (0 if document["binds"] else 1)


def test_its_name_is_taken(desk: Desk) -> None:
    again = ("serve", "score.py", "--env", "env.yml", "--name", desk.name, "--port")
    said = desk.run(*again, str(free_port())).assert_failed(6)
    assert f"service `{desk.name}` is running already" in said.err


def test_a_build_changes_nothing_and_says_what_is_used(desk: Desk) -> None:
    said = desk.run("build", "--env", "env.yml", "--json").assert_success()
    assert json.loads(said.out)["built"] is False
    assert "no Docker engine answers at unix:///hidden.sock: using process" in said.err


def test_the_machine_is_found_fit(desk: Desk) -> None:
    said = desk.run("doctor").assert_success().out
    assert "engine      process " in said
    assert "aml-emu/base: here" in said


@pytest.mark.parametrize(
    "command", [("base", "list"), ("env", "list"), ("prune", "--dry-run"), ("prune",)]
)
def test_commands_that_have_nothing_to_do_say_so(desk: Desk, command: tuple[str, ...]) -> None:
    desk.run(*command).assert_success()
    assert desk.name in desk.run("ps").out


@pytest.mark.parametrize(
    "command",
    [
        ("package", "score.py", "--env", "env.yml", "--tag", "test:1"),
        ("build", "--env", "Dockerfile"),
    ],
)
def test_what_needs_an_image_is_refused_by_name(desk: Desk, command: tuple[str, ...]) -> None:
    (desk.project.path / "Dockerfile").write_text("FROM debian:12\n")
    said = desk.run(*command).assert_failed(4).err
    assert "error: the process engine builds no Dockerfiles" in said
    assert "hint: use `--engine docker`" in said


def test_a_base_image_is_refused_before_its_packages_are_collected(desk: Desk) -> None:
    said = desk.run("base", "make").assert_failed(3).err
    assert "error: the process engine builds no Dockerfiles" in said
    assert "no Docker engine answers at unix:///hidden.sock: using process" in said
    assert "collecting" not in said


def test_another_engine_that_does_not_answer_is_no_excuse(desk: Desk) -> None:
    said = desk.run("ps", "--engine", "docker").assert_failed(3).err
    assert said.startswith("error: no Docker engine answers at unix:///hidden.sock")


def test_one_service_is_stopped_and_all_of_a_project(desk: Desk) -> None:
    further = [f"{desk.name}-{number}" for number in range(2)]
    for name in further:
        started = ("serve", "score.py", "--env", "env.yml", "--name", name, "--detach")
        desk.run(*started, "--port", str(free_port())).assert_success()
    desk.run("stop", further[0]).assert_success()
    assert further[0] not in (left := desk.run("ps").out)
    assert further[1] in left
    desk.run("down").assert_success()
    assert "no service is running" in desk.run("ps").assert_success().err
