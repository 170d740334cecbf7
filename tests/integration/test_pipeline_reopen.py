"""Steps that have run, opened again under the debugger with exactly the inputs they had."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dap import DapSession
from tests.integration.scripts import Script
from tests.integration.test_pipeline import (
    CHAIN,
    CONTROL,
    ENGINES,
    ENV,
    LOG,
    MAKE,
    SWEEP,
    Pipelines,
    document,
)
from tests.integration.test_tutorial_v1 import _SCRIPT, PAGE
from tests.project import Project, Tree, write_tree
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

ATTACH = re.compile(r"any DAP client: ([\d.]+):(\d+), (\S+) -> (\S+)")


@pytest.fixture
def processes(project: Callable[[Tree], Project]) -> Pipelines:
    made = project({"env.yml": ENV, "src": {"make.py": MAKE, "log.py": LOG}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, "process")


def runs(folder: Path, kind: str) -> list[Run]:
    with Workspace.open(folder / ".aml-emu") as workspace:
        return [run for run in workspace.runs.list() if run.kind == kind]


@contextmanager
def opened(running: Script, line: int, file: str = "") -> Iterator[str]:
    """The script's arguments where it stopped, as Python shows them."""
    running.says("any DAP client:")
    found = ATTACH.search(running.said)
    assert found, running.said
    host, port, local, remote = found.groups()
    path = str(Path(local) / file)
    with DapSession(
        host, int(port), path_mappings=[(local, remote)], breakpoints={path: [line]}
    ) as session:
        stop = session.wait_for_stop()
        assert (stop.file, stop.line) == (path, line)
        yield session.evaluate(stop, "__import__('sys').argv[1:]")
        session.continue_(stop)


class Reopened(Script):
    """`aml-emu run …` in place of a script."""

    def __init__(self, folder: Path, *arguments: str, engine: str) -> None:
        super().__init__(folder, engine=engine)
        self._argv = ["run", *arguments, "--engine", engine]


def test_a_finished_step_has_the_inputs_it_had(processes: Pipelines) -> None:
    """Its code is the one that lies there now; a reused step is what its result was made of."""
    processes.run("--set", "inputs.rows=7").assert_success()
    processes.run("--set", "inputs.rows=7").assert_success()
    name = runs(processes.path, "pipeline")[0].name
    code = processes.path / "src/make.py"
    code.write_text(code.read_text() + "print('edited', sys.argv[1])\n")
    with Reopened(processes.path, f"{name}:first", "--debug", engine="process") as running:
        with opened(running, 4, "make.py") as argv:
            assert argv.startswith("['7', ")
        running.ends()
        running.says("edited 7")
    steps = runs(processes.path, "step")
    assert [run.status for run in steps] == ["Completed"] * 4
    reused = next(run for run in steps if "azureml.isreused" in run.properties)
    again = processes.run("--json", file=reused.name).assert_success()  # by its own name
    assert document(again)["status"] == "Completed"
    # what it wrote under the debugger is nobody's result
    assert processes.states("--set", "inputs.rows=7")["second"] == "reused"
    wrong = processes.run(file=f"{name}:frist").assert_failed(2)
    assert "did you mean `first`" in wrong.err
    assert "is a pipeline and cannot be opened" in processes.run(file=name).assert_failed(2).err


def test_an_iteration_of_a_loop_has_what_the_one_before_it_gave(processes: Pipelines) -> None:
    write_tree(processes.path, {"pipeline.yml": CONTROL})
    processes.run().assert_success()
    name = runs(processes.path, "pipeline")[0].name
    for number in (1, 2, 3):
        again = processes.run("--json", file=f"{name}:body[{number}]").assert_success()
        assert Path(document(again)["outputs"]["n2"]).read_text().strip() == str(number)
    wrong = processes.run(file=f"{name}:body[4]").assert_failed(2)
    assert "has no step `body[4]` that was begun" in wrong.err


def test_a_trial_of_a_sweep_has_the_values_it_tried(processes: Pipelines) -> None:
    write_tree(processes.path, {"sweep.yml": SWEEP})
    processes.run(file="sweep.yml").assert_success()
    processes.run(file="sweep.yml").assert_success()  # reused: its trials are those of the first
    name = runs(processes.path, "pipeline")[0].name
    trials = runs(processes.path, "trial")
    assert sorted(run.display_name or "" for run in trials) == [
        f"sweep trial {number}" for number in range(3)
    ]
    assert {run.parent for run in trials} == {runs(processes.path, "sweep")[0].name}
    last = next(run for run in trials if (run.display_name or "").endswith("2"))
    said = {}
    for what in (f"{name}:sweep:2", f"{name}:sweep:best", last.name):
        with Reopened(processes.path, what, "--debug", engine="process") as running:
            with opened(running, 5, "log.py") as argv:
                said[what] = argv[:5]
            running.ends()
    assert set(said.values()) == {"['3',"}
    assert "has no trial `9`" in processes.run(file=f"{name}:sweep:9").assert_failed(2).err
    refused = processes.run(file=f"{name}:sweep").assert_failed(2)
    assert "is a sweep and cannot be opened by itself" in refused.err
    assert ":best --debug" in refused.err
    debugged = processes.run("--debug", "sweep", file="sweep.yml").assert_failed(2)
    assert "RUN:SWEEP:TRIAL" in debugged.err


@pytest.mark.parametrize("where", ENGINES)
def test_a_step_of_a_scripts_pipeline(
    where: str, project: Callable[[Tree], Project], request: pytest.FixtureRequest
) -> None:
    """The tutorial's: its arguments as they were, in the image that was built for it."""
    if where == "docker":
        request.getfixturevalue("base_image")
    folder = project(dict(_SCRIPT.findall(PAGE.read_text("utf-8"))))
    (folder.path / ".aml-emu").mkdir()
    folder.run("python", "--engine", where, "pipeline.py").assert_success()
    name = runs(folder.path, "pipeline")[0].name
    line = 1 + next(
        number
        for number, text in enumerate((folder.path / "train.py").read_text().splitlines())
        if "total +=" in text
    )
    with Reopened(folder.path, f"{name}:train-3", "--debug", engine=where) as running:
        with opened(running, line, "train.py") as argv:
            assert argv == "['--rounds', '3']"
        running.ends()
        running.says("total is 3")
    assert "(unchanged)" in running.said
