"""The pytest plugin as its users have it: a project's own tests, run by a pytest of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.desk import Desk
from tests.project import Tree, write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.engines.ports import is_free
from toolkit.plans.emulation import LABEL_ENDPOINT
from toolkit.pytest_plugin import CommandFailed, Emulator

EXAMPLE = Path(__file__).parents[2] / "examples" / "endpoint"
PROJECT: Tree = {
    "pytest.ini": "[pytest]\n",
    "env.yml": "name: tiny\ndependencies:\n  - python=3.11\n  - pip\n",
    "code": {"say.py": "import sys\nprint('said', *sys.argv[1:])\nsys.exit(len(sys.argv) > 2)\n"},
    "job.yml": """
        command: python say.py ${{inputs.word}}
        code: code
        environment: ./env.yml
        inputs: {word: hello}
        """,
    "pipeline.yml": """
        type: pipeline
        outputs: {last: {type: uri_folder}}
        jobs:
          first:
            type: command
            environment: ./env.yml
            command: echo 3 > ${{outputs.out}}/count.txt
            outputs: {out: {type: uri_folder}}
          second:
            type: command
            environment: ./env.yml
            command: cat ${{inputs.made}}/count.txt > ${{outputs.out}}/copy.txt
            inputs: {made: "${{parent.jobs.first.outputs.out}}"}
            outputs: {out: "${{parent.outputs.last}}"}
        """,
    "tests": {
        "test_project.py": """
            from pathlib import Path

            import pytest

            from toolkit.pytest_plugin import CommandFailed


            def test_a_job(aml_emu):
                found = aml_emu.run("job.yml", "--set", "inputs.word=there")
                assert found["status"] == "Completed"
                assert "said there" in aml_emu.command("runs", "logs", found["name"])


            def test_a_job_that_fails(aml_emu):
                with pytest.raises(CommandFailed) as caught:
                    aml_emu.run("job.yml", "--set", "inputs.word=one two")
                assert caught.value.exit_code == 1


            def test_a_pipeline(aml_emu):
                found = aml_emu.pipeline("pipeline.yml")
                assert {s["state"] for s in found["steps"].values()} == {"completed"}
                assert Path(found["outputs"]["last"], "copy.txt").read_text() == "3\\n"


            def test_that_fails(aml_emu):
                aml_emu.pipeline("missing.yml")
            """
    },
}


def pytest_of(folder: Path, *flags: str) -> str:
    """What it says at its end; ours does not reach into it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *flags, "tests"],
        cwd=folder,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_jobs_and_pipelines_in_a_projects_own_tests(tmp_path: Path, engine: str) -> None:
    write_tree(tmp_path / "project", PROJECT)
    said = pytest_of(tmp_path / "project", "--aml-emu-engine", engine)
    assert re.search(r"^1 failed, 3 passed in ", said, re.MULTILINE), said
    assert "CommandFailed: aml-emu ended with exit code 2" in said
    assert "missing.yml" in said


@pytest.mark.docker
def test_the_example_is_tested_by_its_own_tests(
    tmp_path: Path, engine: DockerEngine, base_image: str, docker_cleanup: str
) -> None:
    name = f"test-{os.urandom(4).hex()}"
    left_out = shutil.ignore_patterns(".aml-emu", ".vscode", "__pycache__")
    project = Path(shutil.copytree(EXAMPLE, tmp_path / "endpoint", ignore=left_out))
    for file in (*project.glob("*.yml"), *project.glob("tests/*.py")):
        file.write_text(file.read_text().replace("iris-endpoint", name))
    assert re.search(r"^\d+ passed in ", said := pytest_of(project), re.MULTILINE), said
    assert not engine.find({LABEL_ENDPOINT: name})


def test_a_deployment_without_docker(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "project", f"test-{os.urandom(4).hex()}")
    emulator = Emulator(desk.project.path, engine="process")
    try:
        green = emulator.deploy("green.yml", "--port", str(desk.port))
        answers = [green.invoke({"number": number}) for number in range(4)]
        assert answers == [{"answer": 2 * number, "who": "green"} for number in range(4)]
        assert len(desk.state.deployments["green"].replicas) == 2
        assert green.send(b"{}").status == 424
    finally:
        emulator.close()
    assert wait_for(lambda: is_free(desk.port))


@pytest.mark.docker
def test_what_is_deployed_is_called_and_goes(desk: Desk) -> None:
    emulator = Emulator(desk.project.path, engine="docker", environ={})
    blue = emulator.deploy("blue.yml", "--port", str(desk.port), endpoint="endpoint.yml")
    assert blue.invoke({"number": 2}) == {"answer": 4, "who": "blue"}
    assert blue.send(b"{}", key="no").status == 401
    assert "Users's init has completed" in blue.logs()
    with pytest.raises(pytest.fail.Exception, match="status 424"):
        blue.invoke({})
    with pytest.raises(CommandFailed, match="must sum to 100") as caught:
        emulator.traffic(desk.name, blue=90)
    assert caught.value.exit_code == 2
    emulator.close()
    assert not desk.state.deployments
