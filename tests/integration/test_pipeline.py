"""Pipelines for real: processes of a sandbox, or containers; failures, reuse, kills, debugging."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.dap import DapSession
from tests.integration.private_engine import cannot_start, copy_image, private_engine
from tests.integration.standalone import docker
from tests.project import Outcome, Project, Tree, write_tree
from toolkit.plans import emulation

ENV = "name: pipeline-test\ndependencies:\n  - python=3.11\n  - pip\n"
CHAIN = """
    type: pipeline
    inputs: {rows: 3}
    settings: {continue_on_step_failure: false}
    outputs: {last: {type: uri_folder}}
    jobs:
      first:
        type: command
        environment: ./env.yml
        code: ./src
        command: python make.py ${{inputs.rows}} ${{outputs.out}}
        inputs: {rows: "${{parent.inputs.rows}}"}
        outputs: {out: {type: uri_folder}}
      second:
        type: command
        environment: ./env.yml
        command: wc -l < ${{inputs.made}}/rows.txt > ${{outputs.out}}/count.txt
        inputs: {made: "${{parent.jobs.first.outputs.out}}"}
        outputs: {out: "${{parent.outputs.last}}"}
    """
MAKE = """
    import sys
    from pathlib import Path
    Path(sys.argv[2], "rows.txt").write_text("row\\n" * int(sys.argv[1]))
    """
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "process"]


class Pipelines:
    """A folder with pipeline.yml, and what the command line makes of it."""

    def __init__(self, project: Project, engine: str) -> None:
        self.project = project
        self.engine = engine

    @property
    def path(self) -> Path:
        return self.project.path

    def run(self, *flags: str, file: str = "pipeline.yml", timeout: float = 300) -> Outcome:
        return self.project.run("run", file, "--engine", self.engine, *flags, timeout=timeout)

    def states(self, *flags: str) -> dict[str, str]:
        outcome = self.run("--json", *flags)
        return {name: step["state"] for name, step in document(outcome)["steps"].items()}

    @contextmanager
    def started(
        self, *flags: str, environ: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        argv = [sys.executable, "-m", "toolkit.cli", "run", "pipeline.yml"]
        process = subprocess.Popen(
            [*argv, "--engine", self.engine, *flags],
            cwd=self.path,
            env={**os.environ, "NO_COLOR": "1", **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(params=ENGINES)
def pipelines(request: pytest.FixtureRequest, project: Callable[[Tree], Project]) -> Pipelines:
    if request.param == "docker":
        request.getfixturevalue("base_image")
    made = project({"env.yml": ENV, "src": {"make.py": MAKE}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, request.param)


@pytest.fixture
def processes(project: Callable[[Tree], Project]) -> Pipelines:
    """For what does not differ between engines."""
    made = project({"env.yml": ENV, "src": {"make.py": MAKE}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    return Pipelines(made, "process")


def document(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:  # noqa: UP028  # `yield from` would close it with this generator
        yield line


def read_until(process: subprocess.Popen[str], text: str) -> str:
    said = ""
    for line in lines_of(process):
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without saying `{text}`:\n{said}")


def until(fact: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def running(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if mark in " ".join(process.cmdline()) and process.pid != os.getpid():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_it_runs_and_is_reused_until_something_changes(pipelines: Pipelines) -> None:
    outcome = pipelines.run("--json").assert_success()
    found = document(outcome)
    assert found["status"] == "Completed"
    assert (Path(found["outputs"]["last"]) / "count.txt").read_text().strip() == "3"
    assert pipelines.states() == {"first": "reused", "second": "reused"}
    assert pipelines.states("--set", "inputs.rows=5") == {
        "first": "completed",
        "second": "completed",
    }
    assert pipelines.states() == {"first": "reused", "second": "reused"}
    (pipelines.path / "src/make.py").write_text(
        (pipelines.path / "src/make.py").read_text() + "#\n"
    )
    # the code is another, what it writes is not
    assert pipelines.states() == {"first": "completed", "second": "reused"}
    assert pipelines.states("--force") == {"first": "completed", "second": "completed"}


def test_inputs_are_read_only_and_outputs_are_there(pipelines: Pipelines) -> None:
    text = CHAIN.replace("wc -l", "touch ${{inputs.made}}/x 2>/dev/null && exit 9; wc -l")
    write_tree(pipelines.path, {"pipeline.yml": text})
    pipelines.run().assert_success()


def test_from_and_only(processes: Pipelines) -> None:
    outcome = processes.run("--only", "second").assert_failed(2)
    assert "step `first` has no finished run" in outcome.err
    processes.run().assert_success()
    assert processes.states("--from", "second") == {"first": "reused", "second": "completed"}
    assert processes.states("--only", "second") == {"first": "reused", "second": "completed"}
    assert processes.states("--only", "first") == {"first": "completed"}
    assert "did you mean `first`" in processes.run("--only", "frist").assert_failed(2).err


def test_a_failure_is_shown_and_the_next_run_goes_on(processes: Pipelines) -> None:
    broken = CHAIN.replace("wc -l", "test -f /fixed-here || exit 7; wc -l")
    write_tree(processes.path, {"pipeline.yml": broken})
    outcome = processes.run().assert_failed(1)
    assert "step `second` failed: exit code 7" in outcome.err
    assert ":second --debug" in outcome.err
    write_tree(processes.path, {"pipeline.yml": CHAIN})
    assert processes.states() == {"first": "reused", "second": "completed"}


def test_steps_that_are_not_deterministic_run_again_but_not_after_a_failure(
    processes: Pipelines,
) -> None:
    text = CHAIN.replace("code: ./src", "code: ./src\n        is_deterministic: false")
    write_tree(processes.path, {"pipeline.yml": text.replace("wc -l", "exit 7; wc -l")})
    processes.run().assert_failed(1)
    write_tree(processes.path, {"pipeline.yml": text})
    assert processes.states()["first"] == "reused"  # it goes on where it stopped
    assert processes.states()["first"] == "completed"


def test_independent_branches_go_on_if_they_may(processes: Pipelines) -> None:
    text = CHAIN.replace("failure: false", "failure: true").replace("python make.py", "exit 3; ls")
    text += """
      other:
        type: command
        environment: ./env.yml
        command: sleep 1; echo fine
    """.replace("\n    ", "\n", 0)
    write_tree(processes.path, {"pipeline.yml": text})
    outcome = processes.run("--json").assert_failed(1)
    states = {name: step["state"] for name, step in document(outcome)["steps"].items()}
    assert states == {"first": "failed", "second": "blocked", "other": "completed"}


def test_a_step_that_never_ends_is_ended(processes: Pipelines) -> None:
    text = CHAIN.replace("python make.py", "sleep 600; ls").replace(
        "code: ./src", "code: ./src\n        limits: {timeout: 1}"
    )
    write_tree(processes.path, {"pipeline.yml": text})
    outcome = processes.run().assert_failed(1)
    assert "ran longer than its limit of 1 s" in outcome.err


def test_a_killed_command_leaves_nothing_and_the_next_goes_on(pipelines: Pipelines) -> None:
    mark = f"sleep {6000 + os.getpid() % 1000}"
    slow = CHAIN.replace("wc -l", f"{mark}; wc -l")
    write_tree(pipelines.path, {"pipeline.yml": slow})
    with pipelines.started() as process:
        read_until(process, "running   second")
        assert until(lambda: bool(running(mark)))
        process.send_signal(signal.SIGKILL)
    assert until(lambda: not running(mark)), running(mark)
    write_tree(pipelines.path, {"pipeline.yml": CHAIN})
    assert pipelines.states() == {"first": "reused", "second": "completed"}
    listed = json.loads(pipelines.project.run("runs", "list", "--json").out)
    assert sorted(run["status"] for run in listed) == ["Completed", "Failed"]
    if pipelines.engine == "docker":
        label = f"label={emulation.LABEL_PROJECT}={pipelines.path}"
        assert docker("ps", "--all", "--quiet", "--filter", label) == ""


def test_ctrl_c_cancels_what_runs(processes: Pipelines) -> None:
    mark = f"sleep {7000 + os.getpid() % 1000}"
    write_tree(processes.path, {"pipeline.yml": CHAIN.replace("wc -l", f"{mark}; wc -l")})
    with processes.started() as process:
        read_until(process, "running   second")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert not running(mark)
    listed = json.loads(processes.project.run("runs", "list", "--json").out)
    assert [run["status"] for run in listed] == ["Canceled"]


def test_a_condition_and_a_loop(processes: Pipelines) -> None:
    write_tree(processes.path, {"pipeline.yml": CONTROL})
    outcome = processes.run("--json").assert_success()
    states = {name: step["state"] for name, step in document(outcome)["steps"].items()}
    assert states == {
        "check": "completed",
        "yes": "completed",
        "no": "skipped",
        "body": "completed",
        "after": "completed",
    }
    assert "3 iterations" in outcome.out


CONTROL = """
    type: pipeline
    settings: {continue_on_step_failure: false}
    jobs:
      check:
        type: command
        environment: ./env.yml
        command: echo true > ${{outputs.ok}}
        outputs: {ok: {type: boolean, is_control: true}}
      choose:
        type: if_else
        condition: ${{parent.jobs.check.outputs.ok}}
        true_block: ${{parent.jobs.yes}}
        false_block: ${{parent.jobs.no}}
      yes: {type: command, environment: ./env.yml, command: "echo yes"}
      no: {type: command, environment: ./env.yml, command: exit 3}
      body:
        type: command
        environment: ./env.yml
        command: >-
          n=$(( ${{inputs.n}} + 1 )); echo $n > ${{outputs.n2}};
          if [ $n -lt 3 ]; then echo true; else echo false; fi > ${{outputs.again}}
        inputs: {n: 0}
        outputs:
          n2: {type: integer, is_control: true}
          again: {type: boolean, is_control: true}
      loop:
        type: do_while
        body: ${{parent.jobs.body}}
        condition: ${{parent.jobs.body.outputs.again}}
        mapping: {n2: [n]}
        limits: {max_iteration_count: 10}
      after:
        type: command
        environment: ./env.yml
        command: test ${{inputs.k}} = 3
        inputs: {k: "${{parent.jobs.body.outputs.n2}}"}
    """
PARALLEL = """
    type: pipeline
    inputs: {data: {type: uri_folder, path: ./data}, bad: none}
    settings: {continue_on_step_failure: false}
    outputs: {rows: {type: uri_file}}
    jobs:
      squares:
        type: parallel
        inputs: {data: "${{parent.inputs.data}}", bad: "${{parent.inputs.bad}}"}
        outputs: {scores: "${{parent.outputs.rows}}"}
        mini_batch_size: 2
        max_concurrency_per_instance: 2
        mini_batch_error_threshold: 0
        input_data: ${{inputs.data}}
        retry_settings: {timeout: 20, max_retries: 1}
        task:
          type: run_function
          code: ./entry
          entry_script: entry.py
          program_arguments: --bad ${{inputs.bad}}
          append_row_to: ${{outputs.scores}}
          environment: ./env.yml
    """
ENTRY = """
    import argparse
    def init():
        global args
        parser = argparse.ArgumentParser()
        parser.add_argument("--bad")
        args, _ = parser.parse_known_args()
    def run(mini_batch):
        numbers = [int(open(file).read()) for file in mini_batch]
        if args.bad in map(str, numbers):
            raise ValueError(f"bad number {args.bad}")
        return [n * n for n in numbers]
    """


def test_mini_batches(processes: Pipelines) -> None:
    data: Tree = {f"f{n}.txt": str(n) for n in range(5)}
    tree: Tree = {"pipeline.yml": PARALLEL, "entry": {"entry.py": ENTRY}, "data": data}
    write_tree(processes.path, tree)
    found = document(processes.run("--json").assert_success())
    rows = Path(found["outputs"]["rows"]).read_text().split()
    assert sorted(map(int, rows)) == [0, 1, 4, 9, 16]
    failed = processes.run("--set", "inputs.bad=3").assert_failed(1)
    assert "bad number 3" in failed.out
    name = json.loads(processes.project.run("runs", "list", "--json").out)[0]["name"]
    again = processes.run("--debug-on-error", "--wait", "1", file=f"{name}:squares")
    assert "only the mini-batches that failed are run: 1" in again.err
    assert "stopped at ValueError: bad number 3" in again.err
    assert again.exit_code == 1


SWEEP = """
    type: sweep
    search_space: {x: {type: choice, values: [1, 2, 3]}}
    sampling_algorithm: grid
    objective: {goal: maximize, primary_metric: score}
    limits: {max_concurrent_trials: 2}
    outputs: {best: {type: uri_folder}}
    trial:
      code: ./src
      environment: ./env.yml
      command: python log.py ${{search_space.x}} ${{outputs.best}}
    """
LOG = """
    import json, os, sys
    from pathlib import Path
    from urllib.request import Request, urlopen
    Path(sys.argv[2], "x.txt").write_text(sys.argv[1])
    metric = {"key": "score", "value": float(sys.argv[1]), "timestamp": 1, "step": 0}
    body = json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "metrics": [metric]}).encode()
    token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch"
    urlopen(Request(url, body, {"Content-Type": "application/json", **token}))
    """


def test_a_sweep_keeps_the_best(processes: Pipelines) -> None:
    write_tree(processes.path, {"sweep.yml": SWEEP, "src": {"log.py": LOG}})
    found = document(processes.run("--json", file="sweep.yml").assert_success())
    assert (Path(found["outputs"]["best"]) / "x.txt").read_text() == "3"
    assert "best of 3 trials" in found["steps"]["sweep"]["why"]
    silent = SWEEP.replace("primary_metric: score", "primary_metric: scroe")
    write_tree(processes.path, {"sweep.yml": silent})
    outcome = processes.run(file="sweep.yml").assert_failed(1)
    assert "no trial completed and logged the metric `scroe`" in outcome.err


def test_a_debugged_step_waits_and_the_others_do_not(processes: Pipelines) -> None:
    outcome = processes.run("--debug", "first", "--wait", "1").assert_success()
    assert "completed second" in outcome.err
    launch = json.loads((processes.path / ".vscode/launch.json").read_text())
    names = [each["name"] for each in launch["configurations"]]
    assert names == ["aml-emu: pipeline / first"]
    assert launch["compounds"][0]["configurations"] == names
    assert "`first` at 127.0.0.1:" in outcome.err
    wrong = processes.run("--debug", "frist").assert_failed(2)
    assert "did you mean `first`" in wrong.err


def test_pictures(processes: Pipelines) -> None:
    processes.run("--graph", "plan.svg").assert_success()
    assert "completed" in (processes.path / "plan.svg").read_text()
    processes.run("--graph", "plan.mmd").assert_success()
    assert "reused" in (processes.path / "plan.mmd").read_text()
    assert "ends in `.svg`" in processes.run("--graph", "plan.png").assert_failed(2).err


def test_a_breakpoint_in_a_step(pipelines: Pipelines) -> None:
    with pipelines.started("--debug", "first", "--wait", "60") as process:
        read_until(process, "waits up to 60 s for a debugger")
        launch = json.loads((pipelines.path / ".vscode/launch.json").read_text())
        entry = launch["configurations"][0]
        remote = entry["pathMappings"][0]["remoteRoot"]
        code = pipelines.path / "src"
        where = (entry["connect"]["host"], entry["connect"]["port"])
        with DapSession(*where, path_mappings=[(str(code), remote)]) as session:
            session.set_breakpoints(str(code / "make.py"), [3])
            stop = session.wait_for_stop()
            assert (stop.file, stop.line) == (str(code / "make.py"), 3)
            assert session.evaluate(stop, "sys.argv[1]") == "'3'"
            stop.resume()
        said = "".join(lines_of(process))
    assert "completed second" in said


@pytest.mark.docker
def test_the_example(tmp_path: Path, base_image: str, project: Callable[[Tree], Project]) -> None:
    folder = tmp_path / "project"
    shutil.copytree(Path(__file__).parents[2] / "examples/pipeline", folder)
    (folder / ".aml-emu").mkdir()
    outcome = Project(folder).run("run", "pipeline.yml", "--engine", "docker", "--json")
    found = document(outcome.assert_success())
    report = json.loads(Path(found["outputs"]["report"]).read_text())
    assert report["accuracy"] > 0.9


@pytest.mark.docker
def test_an_engine_that_goes_away(
    base_image: str, project: Callable[[Tree], Project], tmp_path: Path
) -> None:
    if reason := cannot_start():
        pytest.skip(reason)
    made = project({"env.yml": ENV, "src": {"make.py": MAKE}, "pipeline.yml": CHAIN})
    (made.path / ".aml-emu").mkdir()
    pipelines = Pipelines(made, "docker")
    told = pipelines.run("--only", "first").assert_success().err
    image = re.findall(r"image (\S+)", told)[0]
    write_tree(made.path, {"pipeline.yml": CHAIN.replace("wc -l", "sleep 600; wc -l")})
    (tmp_path / "engine").mkdir()
    with private_engine(tmp_path / "engine") as address:
        for name in (base_image, image):
            copy_image(name, address, name=name)
        flags = ("--from", "second")
        with pipelines.started(*flags, environ={"DOCKER_HOST": address}) as process:
            read_until(process, "running   second")
            os.kill(int((tmp_path / "engine/pid").read_text()), signal.SIGTERM)
            said, _ = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "the Docker engine does not answer any more" in said
    write_tree(made.path, {"pipeline.yml": CHAIN})
    assert pipelines.states() == {"first": "reused", "second": "completed"}
