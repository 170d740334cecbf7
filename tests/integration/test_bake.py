"""Images with code and models inside, run as anybody would: `docker run`, no mounts, no aml-emu."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.integration.served import ENV_YML
from tests.integration.standalone import run_image
from tests.project import Project, Tree

pytestmark = pytest.mark.docker

SCORE_PY = """
import getpass, json, os
from pathlib import Path
import features

def init():
    global weight
    weight = int((Path(os.environ["AZUREML_MODEL_DIR"]) / "weights.txt").read_text())

def run(data):
    return {"answer": features.scaled(json.loads(data)["number"], weight), "as": getpass.getuser()}
"""
TREE: Tree = {
    "env.yml": ENV_YML,
    "app": {
        "score.py": SCORE_PY,
        "features.py": "def scaled(number, weight): return number * weight\n",
        "notes.txt": "private",
        ".amlignore": "*.txt\n",
    },
    "model": {"weights.txt": "21\n"},
}
FLAGS = ("--env", "env.yml", "--bake", "app/score.py", "--model", "model/weights.txt")


@pytest.fixture
def baked(
    project: Callable[[Tree], Project], base_image: str
) -> Iterator[tuple[Project, Callable[..., str]]]:
    """A project, and what builds it; the images go in the end."""
    made = project(TREE)
    name = f"aml-emu-test-{os.urandom(4).hex()}"
    (made.path / "app").rename(made.path / name)
    tags: list[str] = []

    def build(*flags: str) -> str:
        script = f"{name}/score.py"
        arguments = [script if flag == "app/score.py" else flag for flag in (*FLAGS, *flags)]
        tags.append(made.run("build", *arguments).assert_success().out.splitlines()[-1])
        return tags[-1]

    yield made, build
    subprocess.run(["docker", "rmi", "--force", *tags], check=False, capture_output=True)


def test_it_runs_anywhere_without_mounts(baked: tuple[Project, Callable[..., str]]) -> None:
    _, build = baked
    with run_image(build()) as running:
        assert running.score({"number": 2}) == {"answer": 42, "as": "dockeruser"}
        listed = running.inside("ls", "-A", "/var/azureml-app").split()
        assert sorted(listed) == [".amlignore", "azureml-models", "features.py", "score.py"]
        assert running.inside("printenv", "AZUREML_ENTRY_SCRIPT") == "score.py\n"
        assert running.mounts == []


def test_only_what_changed_is_built_anew(baked: tuple[Project, Callable[..., str]]) -> None:
    made, build = baked
    first = build()
    assert build() == first
    (script,) = made.path.glob("aml-emu-test-*/features.py")
    script.write_text("def scaled(number, weight): return -number * weight\n")
    second = build()
    assert second != first
    below = [layers(tag)[:-1] for tag in (first, second)]
    assert below[0] == below[1]  # all but the code's own layer
    with run_image(second) as running:
        assert running.score({"number": 2})["answer"] == -42


def test_any_user_may_run_it(baked: tuple[Project, Callable[..., str]]) -> None:
    _, build = baked
    with run_image(build(), "--user", "12345", "--env", "HOME=/tmp", "--env", "USER=x") as running:
        assert running.score({"number": 2})["answer"] == 42


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "model/weights.txt"], "`--model` goes into the image with `--bake` only"),
        (["--bake", "app/score.py", "--dockerfile-only", "x"], "writes environments only"),
        (["--bake", "app/score.py", "--kind", "training"], "needs the inference layout"),
        (["--bake", "app/nothing.py"], "scoring script not found: app/nothing.py"),
        (["--bake", "app/score.py", "--model", "nothing"], "model not found: nothing"),
    ],
)
def test_flags_that_do_not_fit_are_refused(
    project: Callable[[Tree], Project], base_image: str, flags: list[str], said: str
) -> None:
    outcome = project(TREE).run("build", "--env", "env.yml", *flags).assert_failed(2)
    assert said in outcome.err


def test_the_process_engine_has_no_images_to_bake(project: Callable[[Tree], Project]) -> None:
    made = project(TREE)
    outcome = made.run(
        "build", *FLAGS, "--engine", "process", environ={"XDG_CACHE_HOME": str(made.path / "c")}
    )
    outcome.assert_failed(4)
    assert "hint: use `--engine docker`" in outcome.err


def layers(tag: str) -> list[str]:
    said = subprocess.run(
        ["docker", "image", "inspect", tag], check=True, capture_output=True, text=True
    )
    found = json.loads(said.stdout)[0]["RootFS"]["Layers"]
    assert isinstance(found, list)
    return found
