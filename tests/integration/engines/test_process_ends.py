"""What is left of a launch when one of its processes, or the command that started it, is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.integration.engines.process_bench import (
    TREE,
    ProcessBench,
    alive,
    described,
    needs,
    processes_of,
    said,
    service,
    soon,
)
from toolkit.engines.base import Handle, State
from toolkit.engines.process.sandbox import RUNGS
from toolkit.errors import EngineUnavailable

LISTENER = "exec python3 -m http.server 0 --bind 127.0.0.1"
LAUNCH = """
import json, os, sys
from pathlib import Path
from toolkit.engines.process import ProcessEngine
from toolkit.plans.model import LaunchPlan
told = json.loads(sys.argv[3])
told["command"] = tuple(told["command"])
engine = ProcessEngine(os.environ, cache=Path(sys.argv[1]), rungs=(sys.argv[2],))
print(engine.launch(LaunchPlan(kind="run", **told)).id, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c") / "c"


@pytest.fixture(params=RUNGS)
def bench(request: pytest.FixtureRequest, cache: Path) -> Iterator[ProcessBench]:
    needs(request.param, request)
    made = ProcessBench(cache, request.param)
    yield made
    made.close()


def supervised(bench: ProcessBench) -> Handle:
    """A runit tree with a server in it, as a deployment is."""
    web = service("web", "run", run=f"echo up; {LISTENER}")
    handle = bench.launch("runsvdir", str(TREE), files=(web,))
    assert soon(lambda: "up" in said(handle))
    return handle


@pytest.mark.parametrize("which", [0, 1, 2])
def test_nothing_survives_a_kill_of_one_of_its_first_processes(
    bench: ProcessBench, which: int
) -> None:
    handle = supervised(bench)
    processes = processes_of(handle)
    processes[which].send_signal(signal.SIGKILL)
    assert soon(lambda: not alive(processes)), alive(processes)
    assert handle.wait(5).exit_code not in {0, None}


def test_nothing_survives_a_kill_of_the_whole_tree_from_its_root_on(bench: ProcessBench) -> None:
    handle = supervised(bench)
    processes = processes_of(handle)
    for process in processes[:3]:
        process.send_signal(signal.SIGKILL)
    # Plain processes that lost all who knew them are found by the next command.
    assert soon(lambda: bench.engine.find({}) and not alive(processes)), alive(processes)
    assert handle.wait(5) == State(status="exited", exit_code=137)


def test_one_that_left_its_session_and_its_parent_ends_too(bench: ProcessBench) -> None:
    handle = bench.launch("sh", "-c", "setsid sh -c 'sleep 600 & sleep 600 &' & echo up; sleep 600")
    assert soon(lambda: len(processes_of(handle)) >= 5)
    processes = processes_of(handle)
    handle.stop(grace=0)
    assert soon(lambda: not alive(processes)), alive(processes)


def test_the_end_of_the_command_is_the_end_of_all(bench: ProcessBench) -> None:
    handle = bench.launch("sh", "-c", "setsid sleep 600 & sleep 0.3; exit 7")
    processes = processes_of(handle)
    assert handle.wait(10) == State(status="exited", exit_code=7)
    assert soon(lambda: not alive(processes)), alive(processes)


def test_a_launch_outlives_the_command_that_made_it(bench: ProcessBench) -> None:
    """As with a container: what was started goes on, and the next command finds it."""
    plan = bench.plan("sleep", "600", labels={"test": "outlives"})
    command = [sys.executable, "-c", LAUNCH, str(bench.cache), bench.rung, described(plan)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        made = starter.stdout.readline().strip()
        starter.kill()
    (found,) = [each for each in bench.engine.find({}) if each.name == f"aml-emu-{plan.name}"]
    bench.launched.append(found)
    assert found.id == made
    assert found.exec(["echo", "still here"]).output == "still here\n"
    found.stop()
    assert found.state().status == "gone"


def test_of_two_commands_at_once_one_gets_the_name(bench: ProcessBench) -> None:
    plan = bench.plan("sleep", "600")
    command = [sys.executable, "-c", LAUNCH, str(bench.cache), bench.rung, described(plan)]
    both = [
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in both]
    (found,) = [each for each in bench.engine.find({}) if each.name == f"aml-emu-{plan.name}"]
    bench.launched.append(found)
    assert sorted(process.returncode for process in both) == [0, 1]
    assert "NameTaken" in "".join(errors)
    assert found.state().is_running


def test_a_command_that_is_not_there_leaves_nothing(bench: ProcessBench) -> None:
    with pytest.raises(EngineUnavailable, match="no-such-program"):
        bench.launch("no-such-program", labels={"test": "nothing"})
    assert bench.engine.find({"test": "nothing"}) == []


def test_what_a_killed_command_had_begun_is_swept(bench: ProcessBench) -> None:
    begun = bench.cache / "run/.new-deadbeef"
    (begun / "root").mkdir(parents=True)
    bench.engine.find({})
    assert not begun.exists()


def test_a_launch_of_a_former_boot_is_forgotten(bench: ProcessBench) -> None:
    handle = bench.launch("sleep", "600")
    folder = bench.cache / "run" / handle.name.removeprefix("aml-emu-")
    for process in processes_of(handle):
        with suppress(psutil.NoSuchProcess):  # it may end with the one before
            process.send_signal(signal.SIGKILL)
    assert soon(lambda: not handle.state().is_running)
    record = folder / "launch.json"
    record.write_text(record.read_text().replace('"boot": "', '"boot": "another-'))
    (folder / "exit.json").unlink(missing_ok=True)
    assert handle.id not in {each.id for each in bench.engine.find({})}
    assert not folder.exists()


OWN = {"PATH": "/azureml-envs/bench/bin:/.aml-emu/bin:/usr/bin:/bin"}


def test_our_own_supervisor_restarts_and_is_asked_like_runits(bench: ProcessBench) -> None:
    scripts = (
        service("web", "run", run=f"echo up; {LISTENER}"),
        service("web", "finish", run='echo "finish $1 $2"'),
    )
    handle = bench.launch("runsvdir", str(TREE), files=scripts, env=OWN)
    assert soon(lambda: "up" in said(handle))
    assert any("inside.runit" in " ".join(each.cmdline()) for each in processes_of(handle))
    told = handle.exec(["sv", "restart", str(TREE / "web")])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("ok: run: ")
    assert said(handle) == "up\nfinish -1 15\nup\n"
    processes = processes_of(handle)
    processes[0].send_signal(signal.SIGKILL)
    assert soon(lambda: not alive(processes)), alive(processes)


def test_with_our_own_supervisor_finish_can_end_the_launch(bench: ProcessBench) -> None:
    scripts = (
        service("web", "run", run="exit 3"),
        service(
            "web",
            "finish",
            run="""read -r status <"/proc/$PPID/stat"
            set -- ${status##*) }
            kill -HUP "$2\"""",
        ),
    )
    handle = bench.launch("runsvdir", str(TREE), files=scripts, env=OWN)
    assert handle.wait(10) == State(status="exited", exit_code=111)
