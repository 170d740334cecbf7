"""The guide's third part by its own lines: environment, package, docker run, attach, stop."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.guide import block, launch_configuration, needs_guide
from tests.integration.standalone import Standalone, attached, docker, later
from tests.project import Project, Tree
from toolkit.engines.ports import free_port

pytestmark = [pytest.mark.docker, needs_guide]

# what the guide takes for granted, and the name it says the build ends with
BEFORE = """
from azureml.core import Workspace
from azureml.core.model import Model

ws = Workspace.from_config()
model = Model.register(ws, model_path="model.txt", model_name="{name}")
"""
AFTER = "print('LOCATION', package.location)\n"
SCORE_PY = """
import json
import numpy
from azureml.core.model import Model

def init():
    global weights
    weights = numpy.loadtxt(Model.get_model_path("{name}"))

def run(data):
    number = json.loads(data)["number"]
    answer = float(weights.sum() * number)
    return {{"answer": answer}}
"""


@pytest.fixture
def name() -> Iterator[str]:
    """Of the model, so of the package; its images and its container go in the end."""
    name = f"aml-emu-test-{os.urandom(4).hex()}"
    yield name
    containers = docker("ps", "--all", "--quiet", "--filter", f"name={name}").split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    if found := [tag for tag in tags if name in tag]:
        docker("rmi", "--force", *found)


def test_the_guides_deployment(
    project: Callable[[Tree], Project], base_image: str, name: str
) -> None:
    score = block("python", "Allows other computers to attach") + SCORE_PY.format(name=name)
    packages = block("python", "numpy==1.15.4")
    steps = block("python", "Model.package(ws, [model], inference_config)")
    made = project(
        {
            "score.py": score,
            "model.txt": "1 2 4",
            "package.py": BEFORE.format(name=name) + packages + steps + AFTER,
        }
    )
    said = made.run("python", "package.py").assert_success().out
    assert "# Conda environment specification." in (made.path / "myenv.yml").read_text()
    assert "`numpy==1.15.4`: not made for Python 3.11, `numpy>=1.15.4` is used" in said
    assert "`FROM mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04`" in said
    assert "Package creation Succeeded" in said
    location = said.rpartition("LOCATION ")[2].strip()
    assert f"Status: Image is up to date for {location}" in said
    _debugged(made.path / "score.py", location, name)


def _debugged(script: Path, location: str, name: str) -> None:
    run_guides("docker tag", {"myimagepath": location, "debug:1": f"{name}:1"})
    debugger = free_port()
    run_guides(
        "docker run",
        {
            "-it": "-dit",  # whoever types has a terminal of their own
            "debug:1": f"{name}:1",
            "--name debug": f"--name {name}",
            "8000:5001": "127.0.0.1::5001",
            "5678:5678": f"127.0.0.1:{debugger}:5678",
            "<my_path_to_score.py>": str(script),
        },
    )
    running = Standalone(name)
    terminal = script.parent / "terminal.log"
    with terminal.open("wb") as shell:  # of the reader, who types the guide's command into it
        typed = ["docker", "exec", name, *shlex.split(block("bash", "runsvdir"))]
        server = subprocess.Popen(typed, stdout=shell, stderr=subprocess.STDOUT)
    configuration = launch_configuration("Azure Machine Learning Deployment: Docker Debug")
    (mapping,) = configuration["pathMappings"]
    local = mapping["localRoot"].replace("${workspaceFolder}", str(script.parent))
    line = script.read_text().splitlines().index('    return {"answer": answer}') + 1
    with attached(debugger, [(local, mapping["remoteRoot"])]) as session:
        session.set_breakpoints(script, [line])
        running.wait_until_healthy()
        answer = later(lambda: running.score({"number": 6}))
        stop = session.wait_for_stop()
        assert (stop.file, stop.function) == (str(script), "run")
        assert session.locals(stop)["answer"] == "42.0"
        session.continue_(stop)
        assert answer() == {"answer": 42.0}
    run_guides("docker stop", {"debug": f"--time 1 {name}"})
    assert docker("inspect", "--format", "{{.State.Running}}", name) == "false\n"
    server.wait(30)
    assert "Debugger attached..." in terminal.read_text()


def run_guides(command: str, instead: dict[str, str]) -> str:
    """The guide's command, with names and ports that nobody else has."""
    line = block("bash", command)
    for was, now in instead.items():
        assert was in line, line
        line = line.replace(was, now)
    program, *arguments = shlex.split(line)
    assert program == "docker"
    return docker(*arguments)
