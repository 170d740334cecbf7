"""`aml-emu build` against a real engine: what is built, what is not, and what is said."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.served import ENV_YML
from tests.project import Project, Tree
from toolkit.engines.docker import DockerEngine

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_last_line_is_the_tag_and_unchanged_input_builds_nothing(
    project: MakeProject, base_image: str, engine: DockerEngine
) -> None:
    made = project({"env.yml": ENV_YML})
    tag = made.run("build", "--env", "env.yml").assert_success().out.splitlines()[-1]
    assert tag.startswith("aml-emu/tiny:")
    assert engine.has(tag)
    again = made.run("build", "--env", "env.yml", "--json").assert_success()
    document = json.loads(again.out)
    assert (document["tag"], document["built"]) == (tag, False)
    assert "nothing to build" in again.err


def test_a_changed_pin_changes_the_tag(project: MakeProject, base_image: str) -> None:
    one = project({"env.yml": ENV_YML})
    first = one.run("build", "--env", "env.yml", "--tag", "aml-emu-test-more:1").assert_success()
    text = (one.path / "env.yml").read_text()
    (one.path / "env.yml").write_text(text + "      - six==1.17.0\n")
    second = one.run("build", "--env", "env.yml").assert_success()
    assert first.out != second.out


def test_dockerfile_only_needs_no_engine_and_is_the_same_twice(project: MakeProject) -> None:
    made = project({"env.yml": ENV_YML})
    nowhere = {"DOCKER_HOST": "unix:///nowhere.sock"}
    for folder in ("one", "two"):
        made.run(
            "build", "--env", "env.yml", "--dockerfile-only", folder, environ=nowhere
        ).assert_success()
    assert files_below(made.path / "one") == files_below(made.path / "two")
    assert "common.lock" in files_below(made.path / "one")


def test_training_images_name_no_server(project: MakeProject, base_image: str) -> None:
    made = project({"env.yml": "name: train\ndependencies:\n  - python=3.11\n"})
    tag = made.run("build", "--env", "env.yml", "--kind", "training").assert_success().out.strip()
    said = subprocess.run(
        ["docker", "run", "--rm", tag, "python", "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "/azureml-envs/train\n"
    refused = made.run("build", "--env", "env.yml").assert_failed(2)
    assert "no inference server in this environment" in refused.err


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (None, 2, "error: environment file not found: env.yml"),
        ("a: [", 2, "error: env.yml:1: not YAML"),
        ("nmae: x\ndependencies: []\n", 2, "error: env.yml:1: unknown key `nmae`"),
        (
            ENV_YML + "      - numpy==99.0\n",
            2,
            "error: env.yml:7: no set of versions meets these requirements",
        ),
        (
            ENV_YML.replace("3.11", "3.7"),
            2,
            "error: env.yml:3: too old for the debugger: `python=3.7`",
        ),
        (
            ENV_YML.replace("3.11", "3.99"),
            4,
            "the base image has no Python 3.99",
        ),
    ],
)
def test_a_bad_environment_file_is_refused(
    project: MakeProject, text: str | None, code: int, said: str
) -> None:
    made = project({} if text is None else {"env.yml": text})
    outcome = made.run("build", "--env", "env.yml").assert_failed(code)
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_a_base_that_cannot_be_pulled_is_named_and_a_stand_in_works(
    project: MakeProject, base_image: str
) -> None:
    made = project({"env.yml": ENV_YML})
    missing = "registry.invalid/azureml/some-base:1"
    outcome = made.run("build", "--env", "env.yml", "--base", missing).assert_failed(4)
    assert f"image `{missing}` is not here and cannot be pulled" in outcome.err
    assert "[images]" in outcome.err
    (made.path / "aml-emu.toml").write_text('[images]\n"registry.invalid/*" = "aml-emu/base"\n')
    made.run("build", "--env", "env.yml", "--base", missing).assert_success()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("unix:///nowhere/docker.sock", "no Docker engine answers at unix:///nowhere/docker.sock"),
        ("tcp://127.0.0.1:1", "no Docker engine answers at tcp://127.0.0.1:1"),
    ],
)
def test_no_engine(project: MakeProject, host: str, said: str) -> None:
    made = project({"env.yml": ENV_YML})
    asked = ("build", "--env", "env.yml", "--engine", "docker")
    outcome = made.run(*asked, environ={"DOCKER_HOST": host})
    outcome.assert_failed(3)
    assert f"error: {said}" in outcome.err
    assert "hint: start Docker" in outcome.err


def test_ctrl_c_in_a_build_stops_the_step(project: MakeProject, base_image: str) -> None:
    made = project({"env.yml": ENV_YML})
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "build", "--env", "env.yml", "--no-cache"],
        cwd=made.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr
        for line in process.stderr:
            if " s  [" in line:  # a step has ended, the next one runs
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
