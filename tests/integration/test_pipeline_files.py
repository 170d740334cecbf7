"""What a pipeline's file may say beside its steps, and debugging several of them, for real."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dap import DapSession
from tests.integration.test_pipeline import (
    CHAIN,
    ENV,
    MAKE,
    Pipelines,
    document,
    lines_of,
    read_until,
)
from tests.project import Project, Tree, write_tree

REGISTERED: Tree = {
    "parts": {
        "tools": {"names.py": "NAME = 'from the tools'\n"},
        "one": {
            "component.yml": """
                name: greet
                type: command
                environment: azureml:small@latest
                code: ./src
                command: python main.py ${{inputs.who}} ${{outputs.out}}
                inputs: {who: {type: string, default: nobody}}
                outputs: {out: {type: uri_folder}}
                """,
            "component.additional_includes": "../tools\n",
            "src": {
                "main.py": """
                    import os, sys
                    from pathlib import Path
                    from tools.names import NAME
                    text = f"{sys.argv[1]} {NAME} {os.environ.get('MOOD')}"
                    Path(sys.argv[2], "said.txt").write_text(text)
                    """
            },
        },
    },
    "small.yml": "name: small\nimage: aml-emu/base\nconda_file: ./env.yml\n",
    "pipeline.yml": """
        type: pipeline
        experiment_name: told
        settings: {default_compute: azureml:cpu, continue_on_step_failure: false}
        outputs:
          kept: {type: uri_folder, path: "azureml://datastores/workspaceblobstore/paths/kept"}
        jobs:
          one:
            component: azureml:greet:1
            inputs: {who: somebody}
            environment_variables: {MOOD: fine}
            outputs: {out: "${{parent.outputs.kept}}"}
          two:
            component: azureml:greet@latest
            outputs:
              out:
                path: azureml://datastores/${{default_datastore}}/paths/runs/${{name}}/${{output_name}}
                name: greeting
        """,
}


@pytest.fixture
def processes(project: Callable[[Tree], Project]) -> Pipelines:
    made = project({"env.yml": ENV, "src": {"make.py": MAKE}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, "process")


def test_registered_parts_overrides_and_paths_of_outputs(processes: Pipelines) -> None:
    """Components and environments of the workspace; a step's word counts before theirs."""
    write_tree(processes.path, REGISTERED)
    for file in ("small.yml", "parts/one/component.yml"):
        processes.project.run("register", file).assert_success()
    found = document(processes.run("--json").assert_success())
    assert found["experiment"] == "told"
    blobs = processes.path / ".aml-emu/data"
    kept = blobs / "kept/said.txt"
    assert Path(found["outputs"]["kept"]) == kept.parent
    assert kept.read_text() == "somebody from the tools fine"
    other = blobs / "runs" / found["steps"]["two"]["run"] / "out/said.txt"
    assert other.read_text() == "nobody from the tools None"
    assets = json.loads(processes.project.run("assets", "list", "--json").assert_success().out)
    assert ("data", "greeting") in {(each["kind"], each["name"]) for each in assets}
    assert set(processes.states().values()) == {"reused"}
    names = processes.path / "parts/tools/names.py"
    names.write_text(names.read_text() + "#\n")
    assert processes.states()["one"] == "completed"


TWO = CHAIN.replace(
    "command: wc -l < ${{inputs.made}}/rows.txt",
    "code: ./more\n        command: python more.py ${{inputs.made}}/rows.txt",
)


def test_all_steps_wait_each_on_a_port_of_its_own(processes: Pipelines) -> None:
    more = "import sys\nlines = open(sys.argv[1]).readlines()\nprint(len(lines))\n"
    write_tree(processes.path, {"pipeline.yml": TWO, "more": {"more.py": more}})
    with processes.started("--debug", "all", "--wait", "60") as process:
        launch = read_until(process, "first: waits up to 60 s for a debugger")
        written = json.loads((processes.path / ".vscode/launch.json").read_text())
        entries = {each["name"]: each for each in written["configurations"]}
        names = ["aml-emu: pipeline / first", "aml-emu: pipeline / second"]
        assert sorted(entries) == names
        assert [each["configurations"] for each in written["compounds"]] == [names]
        ports = {name: each["connect"]["port"] for name, each in entries.items()}
        assert len(set(ports.values())) == 2, launch
        for name, file, line in (("first", "src/make.py", 3), ("second", "more/more.py", 3)):
            if name == "second":
                read_until(process, "second: waits up to 60 s for a debugger")
            entry = json.loads((processes.path / ".vscode/launch.json").read_text())
            [mine] = [e for e in entry["configurations"] if e["name"].endswith(f"/ {name}")]
            path = str(processes.path / file)
            mapping = (str(Path(path).parent), mine["pathMappings"][0]["remoteRoot"])
            with DapSession(
                mine["connect"]["host"],
                mine["connect"]["port"],
                path_mappings=[mapping],
                breakpoints={path: [line]},
            ) as session:
                stop = session.wait_for_stop()
                assert (stop.file, stop.line) == (path, line)
                session.continue_(stop)
        said = "".join(lines_of(process))
    assert process.wait(30) == 0, said


def test_the_failing_step_alone_is_frozen(processes: Pipelines) -> None:
    """With what it had; the step before it has run at full speed."""
    more = "import sys\nrows = open(sys.argv[1]).readlines()\nwanted = rows[17]\n"
    write_tree(processes.path, {"pipeline.yml": TWO, "more": {"more.py": more}})
    with processes.started("--debug-on-error", "--wait", "60") as process:
        said = read_until(process, "second: stopped at IndexError")
        assert "completed first" in said
        address = re.search(r"step `second` at ([\d.]+):(\d+)", said)
        assert address, said
        mappings = [(str(processes.path / "more"), "/")]
        with DapSession(address[1], int(address[2]), path_mappings=mappings) as session:
            stop = session.wait_for_stop()
            assert stop.line == 3
            assert session.evaluate(stop, "len(rows)") == "3"
            session.continue_(stop)
        said += "".join(lines_of(process))
    assert process.wait(30) == 1, said
    assert "IndexError" in said
