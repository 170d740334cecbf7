"""`additional_includes`: in the step's folder, part of what decides a reuse, with breakpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dap import DapSession
from tests.integration.test_pipeline import ENGINES, ENV, Pipelines, lines_of, read_until
from tests.project import Project, Tree

PIPELINE = """
    type: pipeline
    settings: {continue_on_step_failure: false}
    outputs: {said: {type: uri_folder}}
    jobs:
      one:
        component: ./steps/one.yml
        outputs: {out: "${{parent.outputs.said}}"}
    """
COMPONENT = """
    type: command
    environment: ../env.yml
    code: ./src
    command: python main.py ${{outputs.out}}
    outputs: {out: {type: uri_folder}}
    additional_includes: [../lib, ../util.py, ../lib.zip]
    """
MAIN = """
    import sys, zipfile
    from pathlib import Path
    from lib.words import greet
    from util import double
    packed = zipfile.ZipFile("lib.zip").namelist()
    Path(sys.argv[1], "said.txt").write_text(f"{greet()} {double(21)} {packed}")
    """
TREE: Tree = {
    "env.yml": ENV,
    "pipeline.yml": PIPELINE,
    "steps": {"one.yml": COMPONENT, "src": {"main.py": MAIN}},
    "lib": {"words.py": "def greet():\n    word = 'hello'\n    return word\n"},
    "util.py": "def double(n):\n    twice = 2 * n\n    return twice\n",
}


@pytest.fixture(params=ENGINES)
def pipelines(request: pytest.FixtureRequest, project: Callable[[Tree], Project]) -> Pipelines:
    if request.param == "docker":
        request.getfixturevalue("base_image")
    made = project(TREE)
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, request.param)


def test_they_are_there_and_an_edit_runs_the_step_again(pipelines: Pipelines) -> None:
    found = json.loads(pipelines.run("--json").assert_success().out)
    said = Path(found["outputs"]["said"]) / "said.txt"
    assert said.read_text() == "hello 42 ['lib/words.py']"
    assert pipelines.states() == {"one": "reused"}
    words = pipelines.path / "lib/words.py"
    words.write_text(words.read_text().replace("hello", "goodbye"))
    assert pipelines.states() == {"one": "completed"}


def test_a_breakpoint_in_each_of_them(pipelines: Pipelines) -> None:
    here = pipelines.path
    places = [str(here / name) for name in ("steps/src/main.py", "lib/words.py", "util.py")]
    with pipelines.started("--debug", "one", "--wait", "60") as process:
        read_until(process, "waits up to 60 s for a debugger")
        entry = json.loads((here / ".vscode/launch.json").read_text())["configurations"][0]
        mappings = [
            (each["localRoot"].replace("${workspaceFolder}", str(here)), each["remoteRoot"])
            for each in entry["pathMappings"]
        ]
        where = (entry["connect"]["host"], entry["connect"]["port"])
        lines = {places[0]: [6], places[1]: [2], places[2]: [2]}
        with DapSession(*where, path_mappings=mappings, breakpoints=lines) as session:
            stops = []
            for _ in range(3):
                stop = session.wait_for_stop()
                stops.append((stop.file, stop.line))
                session.continue_(stop)
        said = "".join(lines_of(process))
    assert stops == [(places[0], 6), (places[1], 2), (places[2], 2)], said
    assert process.wait(30) == 0, said
