"""The scripts of docs/tutorial/v1-scripts.md, run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.standalone import docker, run_image
from tests.project import Project, Tree

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "v1-scripts.md"
_SCRIPT = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "process"]


@pytest.fixture
def folder(project: Callable[[Tree], Project]) -> Project:
    """The files of the page, in a project of its own."""
    made = project(dict(_SCRIPT.findall(PAGE.read_text("utf-8"))))
    (made.path / ".aml-emu").mkdir()
    return made


@pytest.mark.parametrize("where", ENGINES)
def test_the_experiment_and_the_pipeline(
    folder: Project, where: str, request: pytest.FixtureRequest
) -> None:
    if where == "docker":
        request.getfixturevalue("base_image")
    outcome = folder.run("python", "--engine", where, "submit.py").assert_success()
    assert "total is 6" in outcome.out
    assert "metrics: {'total': [0, 1, 3, 6]}" in outcome.out
    outcome = folder.run("python", "--engine", where, "pipeline.py").assert_success()
    assert "steps: [('train-2', 'Completed'), ('train-3', 'Completed')]" in outcome.out


@pytest.mark.docker
def test_the_deployment(folder: Project, base_image: str) -> None:
    script = folder.path / "deploy.py"
    # names that nobody else has: the page's are for its reader
    text = script.read_text("utf-8").replace("seven", "aml-emu-test-seven")
    script.write_text(text.replace("tutorial-aml", "aml"), "utf-8")
    try:
        outcome = folder.run("python", "deploy.py").assert_success()
        assert "answer: {'answer': 42}" in outcome.out
        assert "image: aml-emu-test-seven:1" in outcome.out
        with run_image("aml-emu-test-seven:1") as running:
            assert running.score({"number": 2}) == {"answer": 14}
    finally:
        folder.run("stop", "aml-emu-test-seven")
        tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        if found := [tag for tag in tags if "aml-emu-test-seven" in tag]:
            docker("rmi", "--force", *found)
