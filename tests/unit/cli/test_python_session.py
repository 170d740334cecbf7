"""Which interpreter runs a script, with which environment; and what is the script's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Project, Tree
from toolkit.cli.arguments import spelled_out
from toolkit.cli.python_session import interpreter_of
from toolkit.errors import SpecError
from toolkit.live.authoring.variables import script_variables
from toolkit.resources import dropin
from toolkit.workspace.workspace import Workspace


def test_the_interpreter_is_ours_or_the_one_that_is_named(tmp_path: Path) -> None:
    assert interpreter_of(None) == sys.executable
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert interpreter_of(str(link)) == str(link), "a venv's is a link, and is kept"
    with pytest.raises(SpecError, match="no such interpreter: none"):
        interpreter_of("none")


def test_the_drop_in_is_first_and_no_run_is_inherited(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        found = script_variables(
            workspace,
            server="http://127.0.0.1:1",
            token="t",
            environ={"PYTHONPATH": "mine", "AZUREML_RUN_ID": "outer", "A": "1"},
        )
    assert found["PYTHONPATH"].split(":") == [str(dropin()), "mine"]
    assert "AZUREML_RUN_ID" not in found
    assert (found["A"], found["AML_EMU_TRACKING"]) == ("1", "http://127.0.0.1:1")


def test_flags_behind_the_script_are_the_scripts() -> None:
    words = ["python", "a.py", "--wait", "--debug", "--", "x"]
    assert spelled_out(words) == words


def test_a_script_gets_its_arguments_and_gives_its_exit_code(
    project: Callable[[Tree], Project],
) -> None:
    script = """
        import sys
        from azureml.core import Run, Workspace
        print(sys.argv[1:], Workspace.from_config().name, type(Run.get_context()).__name__)
        sys.exit(7)
        """
    here = project({"a.py": script, "aml-emu.toml": ""})
    words = ("python", "--engine", "process", "a.py", "--wait", "--engine", "x")
    outcome = here.run(*words).assert_failed(7)
    assert outcome.out == "['--wait', '--engine', 'x'] project _OfflineRun\n"
    missing = here.run("python", "b.py").assert_failed(2)
    assert "script not found: b.py" in missing.err


def test_an_interpreter_that_is_no_program(project: Callable[[Tree], Project]) -> None:
    here = project({"a.py": "", "aml-emu.toml": "", "python": "junk"})
    (here.path / "python").chmod(0o755)
    words = ("python", "--engine", "process", "--python", "./python", "a.py")
    assert "cannot be started: " in here.run(*words).assert_failed(2).err
