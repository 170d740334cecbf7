from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from toolkit.errors import Conflict, NameTaken, NotFound, SpecError
from toolkit.workspace.model import NewAsset, NewRun, Owner, Run, RunError, RunStatus
from toolkit.workspace.owners import is_gone, owner_of, this_process
from toolkit.workspace.runs import RUN_FOLDERS
from toolkit.workspace.workspace import Workspace


def new(workspace: Workspace, name: str | None = None, *, parent: str | None = None) -> Run:
    return workspace.runs.create(
        NewRun(experiment="iris", name=name, parent=parent, owner=this_process())
    )


def ended(workspace: Workspace, name: str, status: RunStatus = "Completed") -> Run:
    new(workspace, name)
    return workspace.runs.advance(name, status)


def test_a_new_run_says_what_it_was_asked(workspace: Workspace) -> None:
    asked = NewRun(
        experiment="iris",
        kind="pipeline",
        display_name="the big one",
        owner=this_process(),
        engine="docker",
        tags={"a": "1"},
        properties={"b": "2"},
        parameters={"c": "3"},
        definition={"command": "python x.py", "list": [1, None]},
    )
    run = workspace.runs.create(asked)
    assert (run.experiment, run.kind, run.status) == ("iris", "pipeline", "NotStarted")
    assert (run.display_name, run.engine, run.owner) == ("the big one", "docker", this_process())
    assert (run.tags, run.properties, run.parameters) == ({"a": "1"}, {"b": "2"}, {"c": "3"})
    assert run.definition == asked.definition
    assert (run.parent, run.root, run.number, run.is_terminal) == (None, run.name, 1, False)
    assert timedelta() <= datetime.now(tz=timezone.utc) - run.created < timedelta(seconds=30)
    assert workspace.runs.get(run.name) == run


def test_its_folders_are_there(workspace: Workspace) -> None:
    folder = workspace.folder_of(new(workspace, "one").name)
    assert folder == workspace.state_folder / "runs" / "one"
    assert {entry.name for entry in folder.iterdir()} == set(RUN_FOLDERS)


def test_names_are_made_up_as_the_sdks_do(workspace: Workspace) -> None:
    assert re.fullmatch(r"[a-z]+_[a-z]+_[a-z0-9]{10}", new(workspace).name)
    v1 = workspace.runs.create(NewRun(experiment="my exp/1", naming="v1"))
    assert re.fullmatch(r"my-exp-1_\d{10}_[0-9a-f]{8}", v1.name)


def test_numbers_count_within_an_experiment(workspace: Workspace) -> None:
    numbers = [
        workspace.runs.create(NewRun(experiment=experiment)).number
        for experiment in ("a", "a", "b", "a")
    ]
    assert numbers == [1, 2, 1, 3]


@pytest.mark.parametrize("again", ["one", "ONE"])
def test_a_name_is_given_once_whatever_its_case(workspace: Workspace, again: str) -> None:
    new(workspace, "one")
    with pytest.raises(NameTaken, match=f"a run of that name exists: `{again}`"):
        new(workspace, again)
    assert len(workspace.runs.list()) == 1


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-flag", "a b", "x" * 256, "ä"])
def test_a_name_that_is_no_folder_is_refused(workspace: Workspace, name: str) -> None:
    if name:
        with pytest.raises(SpecError, match="not a name for a run"):
            new(workspace, name)
    assert not workspace.runs.list()


def test_an_unknown_run_names_the_nearest(workspace: Workspace) -> None:
    new(workspace, "calm_kite_1")
    with pytest.raises(NotFound) as caught:
        workspace.runs.get("calm_kit_1")
    assert caught.value.hint == "did you mean `calm_kite_1`?"
    with pytest.raises(NotFound):
        workspace.runs.update("zzz", engine="x")
    with pytest.raises(NotFound):
        workspace.runs.advance("zzz", "Running")


def test_a_child_knows_its_parent_and_root(workspace: Workspace) -> None:
    new(workspace, "top")
    new(workspace, "middle", parent="top")
    leaf = new(workspace, "leaf", parent="middle")
    assert (leaf.parent, leaf.root) == ("middle", "top")
    assert [run.name for run in workspace.runs.children("top")] == ["middle"]
    assert [run.name for run in workspace.runs.descendants("top")] == ["middle", "leaf"]
    with pytest.raises(NotFound):
        new(workspace, "stray", parent="nobody")
    assert not workspace.folder_of("stray").exists()


def test_changes_leave_the_rest(workspace: Workspace) -> None:
    new(workspace, "one")
    outputs = {"model": workspace.folder_of("one") / "outputs", "far": Path("/elsewhere/x")}
    error = RunError(code="UserError", message="boom")
    run = workspace.runs.update("one", outputs=outputs, error=error, debug_address="1.2.3.4:5")
    assert (run.outputs, run.error, run.debug_address) == (outputs, error, "1.2.3.4:5")
    run = workspace.runs.update("one", debug_address=None, archived=True)
    assert (run.debug_address, run.archived, run.outputs) == (None, True, outputs)


def test_a_moved_project_keeps_its_outputs(workspace: Workspace, tmp_path: Path) -> None:
    new(workspace, "one")
    workspace.runs.update("one", outputs={"o": workspace.folder_of("one") / "outputs" / "o"})
    workspace.close()
    (tmp_path / "iris").rename(tmp_path / "rose")
    with Workspace.open(tmp_path / "rose" / ".aml-emu") as moved:
        assert moved.runs.get("one").outputs == {"o": moved.folder_of("one") / "outputs" / "o"}


def test_times_come_with_the_status(workspace: Workspace) -> None:
    new(workspace, "one")
    assert workspace.runs.advance("one", "Preparing").started is None
    running = workspace.runs.advance("one", "Running")
    assert running.started is not None
    assert running.ended is None
    done = workspace.runs.advance("one", "Completed", exit_code=0)
    assert done.ended is not None
    assert done.ended >= running.started
    assert (done.exit_code, done.started, done.is_terminal) == (0, running.started, True)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_terminal_status_is_never_left(workspace: Workspace, status: RunStatus) -> None:
    ended(workspace, "one", status)
    for following in ("Running", "Failed", "Canceled", "Completed", "CancelRequested"):
        with pytest.raises(Conflict, match=f"run `one` is `{status}` and cannot become"):
            workspace.runs.advance("one", following)
    assert workspace.runs.get("one").status == status


def test_tags_change_and_go(workspace: Workspace) -> None:
    new(workspace, "one")
    workspace.runs.tag("one", {"a": "1", 'odd "key".x': "2"})
    assert workspace.runs.tag("one", {"a": "3", "b": "4"}).tags == {
        "a": "3",
        'odd "key".x': "2",
        "b": "4",
    }
    assert workspace.runs.tag("one", {"a": None, "zz": None}).tags == {
        'odd "key".x': "2",
        "b": "4",
    }


def test_parameters_are_logged_once(workspace: Workspace) -> None:
    new(workspace, "one")
    workspace.runs.set_parameters("one", {"lr": "0.1"})
    workspace.runs.set_parameters("one", {"lr": "0.1", "depth": "3"})
    with pytest.raises(Conflict) as caught:
        workspace.runs.set_parameters("one", {"new": "x", "lr": "0.2"})
    assert caught.value.message == "run `one` has `lr` in its parameters already: `0.1`"
    assert workspace.runs.get("one").parameters == {"lr": "0.1", "depth": "3"}


def test_properties_cannot_be_changed(workspace: Workspace) -> None:
    new(workspace, "one")
    workspace.runs.add_properties("one", {"git": "abc"})
    with pytest.raises(Conflict):
        workspace.runs.add_properties("one", {"git": "def"})


def test_a_list_is_newest_first_and_filtered(workspace: Workspace) -> None:
    runs = workspace.runs
    before = datetime.now(tz=timezone.utc)
    runs.create(NewRun(experiment="a", name="one", tags={"k": "1"}))
    runs.create(NewRun(experiment="b", name="two", kind="pipeline", tags={"k": "2"}))
    runs.create(NewRun(experiment="b", name="step", kind="step", parent="two"))
    runs.create(NewRun(experiment="a", name="old"))
    runs.update("old", archived=True)
    runs.advance("one", "Failed")

    def names(**chosen: object) -> list[str]:
        listed = [run.name for run in runs.list(**chosen)]  # type: ignore[arg-type]  # as callers
        assert [run.name for run in runs.summaries(**chosen)] == listed  # type: ignore[arg-type]  # as given
        return listed

    assert names() == ["step", "two", "one"]
    assert names(archived=None) == ["old", "step", "two", "one"]
    assert names(archived=True) == ["old"]
    assert names(top=True) == ["two", "one"]
    assert names(parent="two") == ["step"]
    assert names(experiment="b") == ["step", "two"]
    assert names(status="Failed") == ["one"]
    assert names(kind="pipeline") == ["two"]
    assert names(tag=("k", None)) == ["two", "one"]
    assert names(tag=("k", "2")) == ["two"]
    assert names(tag=("k", "3")) == []
    assert names(limit=1) == ["step"]
    assert names(since=before) == ["step", "two", "one"]
    assert names(since=datetime.now(tz=timezone.utc)) == []
    assert names(experiment="a", status="Failed", tag=("k", "1"), limit=5) == ["one"]


def test_a_summary_agrees_with_its_run(workspace: Workspace) -> None:
    run = ended(workspace, "one")
    summary = workspace.runs.summaries()[0]
    assert summary.name == "one"
    assert summary.created == pytest.approx(run.created.timestamp(), abs=1e-5)
    assert run.ended is not None
    assert summary.ended == pytest.approx(run.ended.timestamp(), abs=1e-5)


def test_orphans_are_unfinished_runs_of_ended_processes(workspace: Workspace) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = owner_of(process.pid)
        workspace.runs.create(NewRun(experiment="a", name="theirs", owner=owner))
        workspace.runs.create(NewRun(experiment="a", name="done", owner=owner))
        workspace.runs.advance("done", "Completed")
        new(workspace, "mine")
        assert workspace.runs.orphans() == []
        process.kill()
        process.wait()
    workspace.runs.create(NewRun(experiment="a", name="nobodys", kind="interactive"))
    assert [run.name for run in workspace.runs.orphans()] == ["theirs"]
    workspace.runs.advance("nobodys", "Canceled")
    assert [run.name for run in workspace.runs.unfinished()] == ["mine", "theirs"]


def test_a_recycled_pid_is_another_process() -> None:
    mine = this_process()
    assert not is_gone(mine)
    assert is_gone(Owner(pid=mine.pid, started=mine.started - 100, host=mine.host))
    assert not is_gone(Owner(pid=mine.pid, started=mine.started - 100, host="another"))


def test_a_zombie_does_not_look_after_anything() -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", ""], pass_fds=[writing])
    owner = owner_of(process.pid)
    os.close(writing)
    os.read(reading, 1)  # ends when the process has, which nobody has waited for
    os.close(reading)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(owner)
    process.wait()


def test_deleting_takes_the_children_and_the_folders(workspace: Workspace) -> None:
    new(workspace, "top")
    new(workspace, "step", parent="top")
    (workspace.folder_of("step") / "outputs" / "x").write_text("x")
    for name in ("step", "top"):
        workspace.runs.advance(name, "Completed")
    ended(workspace, "other")
    workspace.runs.delete("top")
    assert [run.name for run in workspace.runs.list()] == ["other"]
    assert not workspace.folder_of("top").exists()
    assert not workspace.folder_of("step").exists()
    assert workspace.folder_of("other").exists()
    new(workspace, "top")  # the name is free again


def test_a_running_run_is_not_deleted(workspace: Workspace) -> None:
    ended(workspace, "top")
    new(workspace, "step", parent="top")
    with pytest.raises(Conflict, match="run `step` is `NotStarted`"):
        workspace.runs.delete("top")
    assert workspace.folder_of("top").is_dir()
    assert len(workspace.runs.list()) == 2


def test_a_run_that_holds_an_asset_is_not_deleted(workspace: Workspace) -> None:
    ended(workspace, "one")
    ended(workspace, "one1")
    path = workspace.folder_of("one") / "outputs"
    workspace.assets.register(NewAsset(kind="data", name="d", path=path, type="uri_folder"))
    with pytest.raises(Conflict, match="the data `d:1` lies in the folder of run `one`"):
        workspace.runs.delete("one")
    assert path.is_dir()
    workspace.assets.delete("data", "d", "1")
    workspace.runs.delete("one")
    workspace.assets.register(
        NewAsset(kind="data", name="d", path=workspace.folder_of("one1") / "outputs")
    )
    assert [run.name for run in workspace.runs.list()] == ["one1"]
