"""Runs on an engine in memory: what is recorded, kept and said, whatever becomes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine, FakeHandle, Script, wait_for
from tests.project import write_tree
from toolkit.engines.base import Handle, State
from toolkit.errors import EngineUnavailable, NameTaken, NotFound, PortTaken
from toolkit.live.inputs import data_locator, resolve_inputs
from toolkit.live.run import (
    LiveRun,
    RunCanceled,
    RunDebug,
    RunRequest,
    reap_orphans,
    start_run,
)
from toolkit.live.run_cancel import cancel_run
from toolkit.live.run_files import follow_log, logs_of
from toolkit.plans.model import LaunchPlan
from toolkit.settings import Settings
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob
from toolkit.workspace.model import NewRun, Owner
from toolkit.workspace.workspace import Workspace

IMAGE = "aml-emu/tiny:1"


def event(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


ENDED = event(event="ended", exit_code=0, signal=0, rank=0, reason="")
LISTENING = event(event="listening")
TAKEN = event(event="taken", port=5678)
FAILED = event(event="ended", exit_code=1, signal=0, rank=0, reason="")


class Bench:
    """A project, its workspace, an engine, and what was said."""

    def __init__(self, folder: Path) -> None:
        write_tree(folder, {"code": {"train.py": "print('hello')"}, "data": {"a.csv": "1"}})
        self.settings = Settings(project=folder, environ={"XDG_CACHE_HOME": str(folder / "cache")})
        self.workspace = Workspace.open(self.settings.state_folder)
        self.engine = FakeEngine(known=[IMAGE])
        self.said: list[str] = []
        self.job = CommandJob(
            script="train.py", code=folder / "code", environment="azureml:AzureML-sklearn-1.5"
        )

    def start(self, script: Script | None = None, **changes: Any) -> LiveRun:
        self.engine.script = script or Script(log=ENDED, exit_code=0)
        request = RunRequest(job=self.job, experiment="iris", image=IMAGE)
        return start_run(
            replace(request, **changes),
            workspace=self.workspace,
            engine=self.engine,
            settings=self.settings,
            tracking=None,
            say=self.said.append,
            on_event=lambda _: None,
        )

    def running(self, **changes: Any) -> LiveRun:
        return self.start(Script(log=LISTENING if changes.get("debug") else b""), **changes)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.engine.close()
    made.workspace.close()


def handle_of(live: LiveRun) -> FakeHandle:
    assert isinstance(live.handle, FakeHandle)
    return live.handle


def test_a_run_is_recorded_from_start_to_end(bench: Bench) -> None:
    live = bench.running()
    assert live.run.status == "Running"
    handle_of(live).say(ENDED)
    handle_of(live).end(0)
    run = live.wait()
    assert (run.status, run.exit_code, run.error) == ("Completed", 0, None)
    assert run.name.startswith("iris_")
    assert not bench.engine.daemon.handles, "the container is still there"


def test_the_code_is_copied(bench: Bench) -> None:
    live = bench.running()
    (bench.settings.project / "code" / "train.py").write_text("edited")
    assert (live.folder / "code" / "train.py").read_text() == "print('hello')"


def test_output_is_followed_without_the_services_own_lines(bench: Bench) -> None:
    live = bench.running()
    log = live.folder / "azureml-logs" / "70_driver_log.txt"
    assert "Entering context manager injector." in log.read_text()
    chunks = live.follow()
    with log.open("a") as file:
        file.write("\x1b[31mred\x1b[0m\n")
    assert next(chunks) == b"\x1b[31mred\x1b[0m\n"
    handle_of(live).say(ENDED)
    handle_of(live).end(0)
    assert list(chunks) == []
    live.wait()
    assert "The experiment completed successfully. Finalizing run..." in log.read_text()


def test_outputs_and_logs_are_kept_when_it_fails(bench: Bench) -> None:
    live = bench.running()
    write_tree(live.folder / "code", {"outputs": {"m.txt": "m"}, "logs": {"l.txt": "l"}})
    handle_of(live).say(FAILED)
    handle_of(live).end(1)
    run = live.wait()
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error.code == "UserError"
    assert (live.folder / "outputs" / "m.txt").read_text() == "m"
    assert (live.folder / "logs" / "l.txt").exists()


def test_a_canceled_run_keeps_what_it_wrote(bench: Bench) -> None:
    live = bench.running()
    write_tree(live.folder / "code", {"outputs": {"m.txt": "m"}})
    live.cancel(grace=1)
    assert live.wait().status == "Canceled"
    assert (live.folder / "outputs" / "m.txt").exists()


def test_another_process_cancels_it(bench: Bench) -> None:
    live = bench.running()
    other = Workspace.open(bench.settings.state_folder)
    bench.workspace.runs.get(live.run.name)
    waiting = threading.Thread(target=live.wait)
    waiting.start()
    assert cancel_run(other, bench.engine, live.run.name).status == "Canceled"
    waiting.join(5)
    other.close()


class Slow(FakeEngine):
    """While it starts something, somebody thinks better of it."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(known=[IMAGE])
        self._workspace = workspace

    def launch(self, plan: LaunchPlan) -> Handle:
        self._workspace.runs.advance(plan.name, "CancelRequested")
        return super().launch(plan)


def test_a_run_that_is_canceled_before_it_runs_has_not_failed(bench: Bench) -> None:
    bench.engine = engine = Slow(bench.workspace)
    with pytest.raises(RunCanceled, match="it was canceled"):
        bench.start()
    (run,) = bench.workspace.runs.list()
    assert (run.status, run.error) == ("Canceled", None)
    assert not engine.daemon.handles
    assert not (bench.workspace.folder_of(run.name) / ".room").exists()


def test_two_runs_of_one_name_are_refused(bench: Bench) -> None:
    bench.start(name="mine").wait()
    with pytest.raises(NameTaken, match="a run of that name exists: `mine`"):
        bench.start(name="mine")


def test_a_build_that_fails_is_the_runs_failure(bench: Bench) -> None:
    job = replace(bench.job, environment="azureml:no-such-environment:1")
    with pytest.raises(NotFound):
        bench.start(job=job, image=None)
    (run,) = bench.workspace.runs.list()
    assert run.status == "Failed"
    assert run.error is not None
    assert "no-such-environment" in run.error.message
    log = (bench.workspace.folder_of(run.name) / "azureml-logs/60_control_log.txt").read_text()
    assert "failed: " in log


def test_a_launch_that_fails_is_the_runs_failure(bench: Bench) -> None:
    with pytest.raises(Exception, match="no such image"):
        bench.start(image="not/there:1")
    (run,) = bench.workspace.runs.list()
    assert run.status == "Failed"


def test_named_outputs_land_where_they_are_wanted(bench: Bench, tmp_path: Path) -> None:
    job = CommandJob(
        command="x > ${{outputs.a}}",
        environment="e",
        outputs={"a": Output(), "b": Output(type="uri_file", name="kept")},
    )
    live = bench.running(job=job, outputs_to={"a": tmp_path / "wanted"})
    assert live.run.outputs["a"] == tmp_path / "wanted"
    live.run.outputs["b"].write_text("content")
    handle_of(live).say(ENDED)
    handle_of(live).end(0)
    live.wait()
    assert bench.workspace.assets.get("data", "kept").source_run == live.run.name


def test_a_debugged_run_takes_a_free_port(bench: Bench) -> None:
    first = bench.running(debug=RunDebug())
    second = bench.running(debug=RunDebug())
    addresses = {first.launched.debug_address, second.launched.debug_address}
    assert len(addresses) == 2
    assert bench.workspace.runs.get(first.run.name).debug_address in addresses


def test_a_port_that_was_asked_for_is_not_exchanged(bench: Bench) -> None:
    first = bench.running(debug=RunDebug())
    assert first.launched.debug_address is not None
    port = int(first.launched.debug_address.rpartition(":")[2])
    with pytest.raises(PortTaken, match=str(port)):
        bench.running(debug=RunDebug(port=port))


class Contested(FakeEngine):
    """On its network others take the first ports in the last moment."""

    def __init__(self, *, lost: int) -> None:
        super().__init__(known=[IMAGE])
        self.lost = lost

    def launch(self, plan: LaunchPlan) -> Handle:
        self.script = Script(log=TAKEN if len(self.launched) < self.lost else LISTENING)
        return super().launch(plan)


def test_a_port_that_was_taken_meanwhile_is_exchanged(bench: Bench) -> None:
    bench.engine = engine = Contested(lost=2)
    live = bench.start(debug=RunDebug())
    told = [plan.env["AML_EMU_SHOWN_ADDRESS"] for plan in engine.launched]
    assert len(set(told)) == 3
    assert live.launched.debug_address == told[-1]
    assert bench.workspace.runs.get(live.run.name).debug_address == told[-1]
    assert [each.plan for each in engine.daemon.handles] == engine.launched[-1:]


def test_a_port_that_was_only_looked_for_and_taken_meanwhile_is_exchanged(bench: Bench) -> None:
    bench.engine = engine = Contested(lost=1)
    live = bench.start(debug=RunDebug(port=5999, is_fixed=False))
    told = [plan.env["AML_EMU_SHOWN_ADDRESS"] for plan in engine.launched]
    assert told[0].endswith(":5999")
    assert live.launched.debug_address == told[1] != told[0]


def test_a_port_that_was_asked_for_and_taken_meanwhile_is_the_runs_failure(bench: Bench) -> None:
    bench.engine = engine = Contested(lost=1)
    with pytest.raises(PortTaken, match="port 5999 is in use by"):
        bench.start(debug=RunDebug(port=5999))
    assert not engine.daemon.handles
    (run,) = bench.workspace.runs.list()
    assert run.status == "Failed"


class Lost(FakeHandle):
    """Of an engine that has gone away."""

    def wait(self, timeout: float | None = None) -> State:
        raise EngineUnavailable("the engine does not answer any more")

    def stop(self, *, grace: float = 10.0) -> None:
        super().stop(grace=grace)
        raise EngineUnavailable("the engine does not answer any more")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (b"", "Failed", "EngineUnavailable"),
        (ENDED, "Completed", ""),
        (FAILED, "Failed", "UserError"),
    ],
)
def test_a_run_ends_although_its_engine_is_gone(
    bench: Bench, said: bytes, status: str, code: str
) -> None:
    live = bench.running()
    handle = handle_of(live)
    handle.__class__ = Lost
    write_tree(live.folder / "code", {"outputs": {"m.txt": "m"}})
    handle.say(said)
    handle.end(0)
    run = live.wait()
    assert (run.status, run.error.code if run.error else "") == (status, code)
    assert (live.folder / "outputs" / "m.txt").exists()


def test_a_run_is_canceled_although_its_engine_is_gone(bench: Bench) -> None:
    live = bench.running()
    handle_of(live).__class__ = Lost
    live.cancel()
    assert live.wait().status == "Canceled"


def test_a_bug_of_ours_fails_the_run(bench: Bench) -> None:
    job = replace(bench.job, code=bench.settings.project / "not" / "there")
    with pytest.raises(FileNotFoundError):
        bench.start(job=job)
    (run,) = bench.workspace.runs.list()
    assert run.status == "Failed"
    assert run.error is not None
    assert "FileNotFoundError" in run.error.message


def test_an_output_that_cannot_be_registered_fails_the_run(bench: Bench) -> None:
    job = replace(bench.job, outputs={"a": Output(name="kept", version="1")})
    for content, status in (("1", "Completed"), ("2", "Failed")):
        live = bench.running(job=job)
        (live.run.outputs["a"] / "model.txt").write_text(content * 20)
        handle_of(live).say(ENDED)
        handle_of(live).end(0)
        run = live.wait()
        assert run.status == status
    assert run.error is not None
    assert run.error.message.startswith("output `a` could not be registered as `kept`: ")


def test_the_room_for_the_end_is_given_back(bench: Bench) -> None:
    live = bench.running()
    kept = live.folder / ".room"
    assert kept.stat().st_size > 100_000
    handle_of(live).say(ENDED)
    handle_of(live).end(0)
    live.wait()
    assert not kept.exists()
    assert not (live.folder / ".probe").exists()


def test_what_a_killed_command_left_is_reaped(bench: Bench) -> None:
    live = bench.running()
    write_tree(live.folder / "code", {"outputs": {"m.txt": "m"}})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = bench.workspace.runs.get(live.run.name).owner
    assert owner is not None
    bench.workspace.runs.update(
        live.run.name, owner=Owner(pid=gone.pid, started=1.0, host=owner.host)
    )
    (reaped,) = reap_orphans(bench.workspace, bench.engine)
    assert reaped.status == "Failed"
    assert reaped.error is not None
    assert "was killed" in reaped.error.message
    assert not bench.engine.daemon.handles
    assert (live.folder / "outputs" / "m.txt").exists()
    assert reap_orphans(bench.workspace, bench.engine) == []


def test_runs_that_are_looked_after_are_let_be(bench: Bench) -> None:
    live = bench.running()
    assert reap_orphans(bench.workspace, bench.engine) == []
    assert handle_of(live).state().is_running


def test_a_log_is_followed_by_another_process(bench: Bench) -> None:
    live = bench.running()
    name = live.run.name
    found: list[bytes] = []

    def read() -> None:
        found.extend(follow_log(bench.workspace, name, None, follow=True))

    reader = threading.Thread(target=read)
    reader.start()
    with (live.folder / "azureml-logs" / "70_driver_log.txt").open("a") as file:
        file.write("tick\n")
    assert wait_for(lambda: b"tick" in b"".join(found))
    handle_of(live).say(ENDED)
    handle_of(live).end(0)
    live.wait()
    reader.join(5)
    assert not reader.is_alive()
    assert "azureml-logs/60_control_log.txt" in logs_of(live.folder)


@pytest.mark.parametrize("name", ["../../workspace.db", "azureml-logs/nothing.txt"])
def test_a_log_that_is_none_is_refused(bench: Bench, name: str) -> None:
    live = bench.start()
    live.wait()
    with pytest.raises(NotFound, match="no such log"):
        list(follow_log(bench.workspace, live.run.name, name, follow=False))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Input(type="uri_folder", path="dat"), "input `x`: nothing is there"),
        (Input(type="uri_folder", path="data/a.csv"), "is a uri_folder, but this is a file"),
        (Input(type="uri_file", path="data"), "is a uri_file, but this is a folder"),
        (Input(type="uri_file", path="azureml:nothing:1"), "input `x`: "),
        (Input(type="integer"), "input `x` has no value"),
        (Input(type="uri_file", path="azureml://datastores/none/paths/a"), "datastore `none`"),
    ],
)
def test_inputs_that_cannot_be_used_are_told(bench: Bench, declared: Input, said: str) -> None:
    job = replace(bench.job, inputs={"x": declared}, code=bench.settings.project)
    locator = data_locator(bench.workspace, bench.settings, say=bench.said.append)
    with pytest.raises(Exception, match=said):
        resolve_inputs(job, locator)


def test_inputs_are_found(bench: Bench) -> None:
    inputs = {"a": Input(type="uri_file", path="data/a.csv"), "b": Input(type="integer", value=3)}
    job = replace(bench.job, inputs=inputs, code=bench.settings.project)
    locator = data_locator(bench.workspace, bench.settings, say=bench.said.append)
    found = resolve_inputs(job, locator)
    assert found["a"].path == bench.settings.project / "data/a.csv"
    assert found["b"].value == 3


def test_an_owner_is_this_process(bench: Bench) -> None:
    owner = bench.running().run.owner
    assert owner is not None
    assert owner.pid == os.getpid()


def test_runs_of_others_code_are_not_reaped(bench: Bench) -> None:
    bench.workspace.runs.create(NewRun(experiment="iris", kind="interactive", status="Running"))
    assert reap_orphans(bench.workspace, bench.engine) == []
