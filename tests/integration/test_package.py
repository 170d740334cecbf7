"""`aml-emu package`, and the debugging guide's own steps on what it makes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.integration.served import ENV_YML
from tests.integration.standalone import attached, docker, later, run_image
from tests.project import Project, Tree

pytestmark = pytest.mark.docker

# As the guide has it: the script itself opens the debugger's door and waits there.
SCORE_PY = """
import json
import debugpy

debugpy.listen(("0.0.0.0", 5678))
debugpy.wait_for_client()
print("Debugger attached...")

def init():
    global factor
    factor = 2

def run(data):
    number = json.loads(data)["number"]
    doubled = number * factor
    return {"answer": doubled}
"""
BREAKPOINT = 14  # `doubled = …`
PLAIN_PY = "def init(): ...\n\ndef run(data):\n    return {'file': __file__}\n"
DEBUGPY = "      - debugpy\n"

MakeProject = Callable[[Tree], Project]


@pytest.fixture
def name() -> Iterator[str]:
    """A package's name that nobody uses; its images go in the end."""
    name = f"aml-emu-test-{os.urandom(4).hex()}"
    yield name
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    if found := [tag for tag in tags if name in tag]:
        docker("rmi", "--force", *found)


def package(project: Project, name: str, *flags: str) -> str:
    arguments = ("package", "score.py", "--env", "env.yml", "--name", name, *flags)
    return project.run(*arguments).assert_success().out.splitlines()[-1]


@pytest.mark.parametrize("folder", ["/var/azureml-app", "/var/azureml-apps"])
def test_the_debugging_guide_step_by_step(
    project: MakeProject, base_image: str, name: str, folder: str
) -> None:
    made = project({"env.yml": ENV_YML + DEBUGPY, "score.py": PLAIN_PY})
    tag = package(made, name)
    docker("tag", tag, f"{name}:1")
    script = made.path / "local" / "score.py"
    script.parent.mkdir()
    script.write_text(SCORE_PY.lstrip())
    flags = ("--interactive", "--tty", "--publish", "127.0.0.1::5678")
    mount = ("--volume", f"{script}:{folder}/score.py")
    with run_image(f"{name}:1", *flags, *mount, command=("/bin/bash",), healthy=False) as running:
        docker("exec", "--detach", running.name, "runsvdir", "/var/runit")
        mappings = [(str(script.parent), "/var/azureml-app")]
        with attached(running.port(5678), mappings) as session:
            session.set_breakpoints(script, [BREAKPOINT])
            running.wait_until_healthy()
            answer = later(lambda: running.score({"number": 21}))
            stop = session.wait_for_stop()
            assert (stop.file, stop.function) == (str(script), "run")
            assert session.locals(stop)["number"] == "21"
            session.continue_(stop)
            assert answer() == {"answer": 42}
        docker("stop", "--time", "1", running.name)


def test_a_saved_package_is_built_by_anybody(
    project: MakeProject, base_image: str, name: str
) -> None:
    made = project({"env.yml": ENV_YML, "score.py": PLAIN_PY, "model": {"w.txt": "1"}})
    dockerfile = package(made, name, "--model", "model", "--output", "saved")
    assert dockerfile == "saved/Dockerfile"
    saved = made.path / "saved"
    assert sorted(path.name for path in saved.iterdir()) == [
        "Dockerfile",
        "azureml-app",
        "model_config_map.json",
    ]
    assert (saved / "azureml-app/azureml-models/model/1/model/w.txt").read_text() == "1"
    docker("build", "--tag", f"{name}:saved", str(saved))
    with run_image(f"{name}:saved") as running:
        assert running.score({}) == {"file": "/var/azureml-app/score.py"}
        model_dir = running.inside("printenv", "AZUREML_MODEL_DIR")
        assert model_dir == "/var/azureml-app/azureml-models/model/1\n"


def test_a_source_directory_is_packed_whole(
    project: MakeProject, base_image: str, name: str
) -> None:
    made = project(
        {
            "env.yml": ENV_YML,
            "src": {"score.py": "from more import *\n" + PLAIN_PY, "more.py": "x = 1\n"},
        }
    )
    flags = ("--source-directory", "src", "--tag", f"{name}:mine")
    outcome = made.run("package", "src/score.py", "--env", "env.yml", "--name", name, *flags)
    outcome.assert_success()
    with run_image(f"{name}:mine") as running:
        assert running.score({}) == {"file": "/var/azureml-app/src/score.py"}


def test_what_contradicts_itself_is_refused(project: MakeProject, name: str) -> None:
    made = project({"env.yml": ENV_YML, "score.py": PLAIN_PY, "full": {"x": ""}})
    base = ("package", "score.py", "--env", "env.yml")
    outcome = made.run(*base, "--tag", "x:1", "--generate-dockerfile").assert_failed(2)
    assert "`--tag` names an image, and a Dockerfile is asked for" in outcome.err
    assert "folder is not empty: full" in made.run(*base, "--output", "full").assert_failed(2).err
