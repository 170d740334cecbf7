"""The tests' own tools: the fence around Docker, the markers, the project, the fakes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import docker
import pytest

from tests import conftest
from tests.fakes import FakeEngine, Script
from tests.project import Outcome, Project, Tree
from toolkit.engines.base import BuildOptions, ExecResult
from toolkit.engines.docker import DockerEngine
from toolkit.errors import EngineUnavailable, NameTaken
from toolkit.plans.model import ImagePlan, LaunchPlan, Mount, Port

TESTS = Path(__file__).parent.parent


# --- the fence


@pytest.mark.parametrize("reach", [docker.from_env, docker.DockerClient])
def test_the_docker_library_is_fenced(reach: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"pytest\.mark\.docker"):
        reach()


def test_our_own_engine_is_fenced() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"pytest\.mark\.docker"):
        DockerEngine(os.environ).check()


@pytest.mark.parametrize(
    "argv", [["docker", "ps"], ["/usr/bin/docker", "ps"], "docker ps", ["podman", "ps"]]
)
def test_the_docker_program_is_fenced(argv: list[str] | str) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"pytest\.mark\.docker"):
        subprocess.run(argv, shell=isinstance(argv, str), check=False)


def test_other_programs_are_not_fenced() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0


def test_a_child_cannot_reach_docker_either(project: Callable[[Tree], Project]) -> None:
    outcome = project({}).run("ps", "--engine", "docker").assert_failed(3)
    assert "pytest.mark.docker" in outcome.err


# --- the markers


def pytest_run(folder: Path, *options: str, environ: dict[str, str]) -> str:
    """What pytest says of one test with each marker, under our conftest."""
    (folder / "test_marked.py").write_text(
        "import pytest\n"
        "@pytest.mark.docker\ndef test_docker(): pass\n"
        "@pytest.mark.runit\ndef test_runit(): pass\n"
    )
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "tests.conftest",
            ),
            *("--rootdir", str(folder), "-c", str(TESTS.parent / "pyproject.toml")),
            *options,
            str(folder / "test_marked.py"),
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


MISSING = {"DOCKER_HOST": "unix:///nowhere.sock", "PATH": "/nowhere"}


def test_what_is_missing_fails_where_it_is_required(tmp_path: Path) -> None:
    said = pytest_run(tmp_path, "--require-docker", environ=MISSING)
    assert "2 errors" in said
    assert "skipped" not in said
    assert "no Docker: no Docker engine answers at unix:///nowhere.sock" in said
    assert "no runit: `runsvdir` is not on PATH" in said


@pytest.mark.parametrize("marker", ["docker", "runit", "own_engine"])
def test_what_is_missing_skips_and_says_why(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.setattr(request.config.option, "require_docker", value=False)
    monkeypatch.setitem(conftest.NEEDS, marker, lambda: "not here")
    request.node.add_marker(marker)
    with pytest.raises(pytest.skip.Exception, match="not here"):
        conftest.pytest_runtest_setup(request.node)


@pytest.mark.parametrize("marker", ["docker", "runit", "own_engine"])
def test_what_is_missing_is_no_skip_where_it_is_required(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.setattr(request.config.option, "require_docker", value=True)
    monkeypatch.setitem(conftest.NEEDS, marker, lambda: "not here")
    request.node.add_marker(marker)
    with pytest.raises(pytest.fail.Exception, match="not here, and --require-docker"):
        conftest.pytest_runtest_setup(request.node)


def test_what_is_there_runs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(conftest.NEEDS, "docker", lambda: "")
    request.node.add_marker("docker")
    conftest.pytest_runtest_setup(request.node)


# --- the project


def test_a_project_is_a_tree_of_dedented_text(project: Callable[[Tree], Project]) -> None:
    made = project({"a.py": "\n    x = 1\n      y = 2\n", "d": {"e": {"f": b"\0\n"}}, "g/h": "i"})
    assert (made.path / "a.py").read_text() == "x = 1\n  y = 2\n"
    assert (made.path / "d/e/f").read_bytes() == b"\0\n"
    assert (made.path / "g/h").read_text() == "i"


def test_a_run_goes_through_the_real_command(project: Callable[[Tree], Project]) -> None:
    made = project({"env.yml": "dependancies: []\n"})
    outcome = made.run("build", "--env", "env.yml", "--dockerfile-only", "out").assert_failed(2)
    assert outcome.out == ""
    assert "env.yml:1: unknown key `dependancies`" in outcome.err
    assert "did you mean `dependencies`?" in outcome.err


def test_outcomes_are_asserted_with_what_was_said() -> None:
    outcome = Outcome(exit_code=4, out="result\n", err="reason\n")
    assert outcome.assert_failed(4) is outcome
    for assertion in (outcome.assert_success, lambda: outcome.assert_failed(2)):
        with pytest.raises(AssertionError, match=r"(?s)exit code 4.*result.*reason"):
            assertion()


# --- the fakes refuse nonsense


def plan(
    name: str = "a", *, mounts: tuple[Mount, ...] = (), ports: tuple[Port, ...] = ()
) -> LaunchPlan:
    return LaunchPlan(kind="run", name=name, image="i:1", mounts=mounts, ports=ports)


def test_calls_are_recorded() -> None:
    engine = FakeEngine(known=["i:1"])
    handle = engine.launch(plan())
    engine.find({"x": ""})
    handle.stop(grace=3)
    assert engine.launched == [plan()]
    assert engine.found == [{"x": ""}]
    assert handle.stops == [3]  # type: ignore[attr-defined]  # the fake's own


def test_a_name_is_not_given_twice() -> None:
    engine = FakeEngine(known=["i:1"])
    engine.launch(plan())
    with pytest.raises(NameTaken):
        engine.launch(plan())


def test_a_plan_that_contradicts_itself_fails_the_test(tmp_path: Path) -> None:
    engine = FakeEngine(known=["i:1"])
    twice = Mount(source=tmp_path, target=PurePosixPath("/x"))
    with pytest.raises(AssertionError, match="share a target"):
        engine.launch(plan(mounts=(twice, twice)))
    with pytest.raises(AssertionError, match="published twice"):
        engine.launch(plan(ports=(Port(container=1), Port(container=1))))
    assert engine.daemon.handles == []


def test_secrets_that_nobody_gave_fail_the_test() -> None:

    image = ImagePlan(name="i", base="scratch", dockerfile="", secrets=("ca",))
    with pytest.raises(AssertionError, match="secrets that nobody gave"):
        FakeEngine().build(image, BuildOptions(), print)


def test_commands_are_answered_as_scripted_or_not_at_all() -> None:
    reply = ExecResult(exit_code=0, output="7\n")
    engine = FakeEngine(known=["i:1"], script=Script(replies={("id",): reply}))
    handle = engine.launch(plan())
    assert handle.exec(["id"]) == reply
    with pytest.raises(AssertionError, match="no reply is scripted"):
        handle.exec(["ls"])
    handle.stop()
    with pytest.raises(AssertionError, match="does not run"):
        handle.exec(["id"])


def test_an_engine_that_is_away_does_nothing() -> None:
    engine = FakeEngine(known=["i:1"], unavailable=EngineUnavailable("no engine"))
    for use in (engine.check, lambda: engine.launch(plan())):
        with pytest.raises(EngineUnavailable):
            use()
    assert engine.daemon.handles == []
