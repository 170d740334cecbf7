"""register, assets and runs as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.project import Project, Tree
from toolkit.workspace.model import Metric, NewRun, Owner
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace

MakeProject = Callable[[Tree], Project]

FILES: Tree = {
    "data.yml": "name: iris\ntype: uri_file\npath: iris.csv\n",
    "iris.csv": "1,2\n",
    "model.yml": "name: iris\ntype: custom_model\npath: weights\n",
    "weights": {"w.bin": b"123"},
}


def with_runs(project: Project) -> Workspace:
    workspace = Workspace.open(project.path / ".aml-emu")
    for name in ("one", "two"):
        workspace.runs.create(
            NewRun(experiment="iris", name=name, parameters={"of": name}, owner=this_process())
        )
        workspace.metrics.log(name, [Metric(key="loss", value=0.5, timestamp=1)])
    workspace.runs.advance("one", "Completed", exit_code=0)
    return workspace


def test_assets_are_registered_listed_and_shown(project: MakeProject) -> None:
    here = project(FILES)
    assert here.run("register", "data.yml").assert_success().out == "azureml:iris:1\n"
    told = here.run("register", "data.yml", "--label", "prod", "--json").assert_success().out
    assert json.loads(told)["labels"] == ["latest", "prod"]
    assert here.run("register", "model.yml", "--version", "9").assert_success().out.strip() == (
        "azureml:iris:9"
    )
    listed = json.loads(here.run("assets", "list", "--json").assert_success().out)
    assert [(each["kind"], each["version"]) for each in listed] == [
        ("model", "9"),
        ("data", "2"),
        ("data", "1"),
    ]
    several = here.run("assets", "show", "iris").assert_failed(2)
    assert "choose with `--kind`: `data`, `model`" in several.err
    shown = here.run("assets", "show", "iris@prod", "--kind", "data", "--json").assert_success()
    assert json.loads(shown.out)["place"] == str(here.path / "iris.csv")
    here.run("assets", "archive", "iris:2", "--kind", "data").assert_success()
    assert "iris" in here.run("assets", "list", "--kind", "data").assert_success().out
    missing = here.run("assets", "show", "irs").assert_failed(2)
    assert "did you mean" in missing.err


def test_a_wrong_asset_file_is_exit_code_2(project: MakeProject) -> None:
    here = project({"job.yml": "command: echo\ncompute: c\n", "no-name.yml": "image: a\n"})
    assert "looks like a job" in here.run("register", "job.yml").assert_failed(2).err
    assert "no-name.yml:1: no `name`" in here.run("register", "no-name.yml").assert_failed(2).err
    assert "asset file not found" in here.run("register", "gone.yml").assert_failed(2).err
    assert not (here.path / ".aml-emu" / "models").exists()


def test_runs_are_listed_shown_compared_and_deleted(project: MakeProject) -> None:
    here = project({})
    with with_runs(here) as workspace:
        (workspace.folder_of("one") / "outputs" / "model.pkl").write_text("12345")
        listed = json.loads(here.run("runs", "list", "--json").assert_success().out)
        assert [run["name"] for run in listed] == ["two", "one"]
        done = here.run("runs", "list", "--status", "completed").assert_success().out
        assert [line.split()[0] for line in done.splitlines()] == ["NAME", "one"]
        short = here.run("runs", "list", "--limit", "1").assert_success()
        assert len(short.out.splitlines()) == 2
        assert "there are more than these 1" in short.err
        assert "name        two" in here.run("runs", "show").assert_success().out
        shown = json.loads(here.run("runs", "show", "one", "--json").assert_success().out)
        assert shown["metrics"]["loss"]["value"] == 0.5
        compared = here.run("runs", "compare", "one", "two").assert_success().out
        assert "  of" in compared
        assert here.run("runs", "outputs", "one").assert_success().out.splitlines()[1].split() == [
            "outputs/model.pkl",
            "5",
            "B",
        ]
        here.run("runs", "outputs", "one", "--to", "there").assert_success()
        assert (here.path / "there" / "outputs" / "model.pkl").read_text() == "12345"
        assert "run `two` is `NotStarted`" in here.run("runs", "delete", "two").assert_failed(6).err
        here.run("runs", "delete", "one").assert_success()
        assert "did you mean" in here.run("runs", "show", "twoo").assert_failed(2).err


def test_a_metric_that_is_no_number_leaves_the_document_json(project: MakeProject) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    here = project({})
    with with_runs(here) as workspace:
        workspace.metrics.log("one", [Metric(key="lost", value=float("nan"), timestamp=1)])
        for words in (("show", "one"), ("compare", "one", "two")):
            told = here.run("runs", *words, "--json").assert_success().out
            assert '"NaN"' in told
            json.loads(told, parse_constant=refuse)


def test_a_run_and_one_below_it_are_deleted_together(project: MakeProject) -> None:
    here = project({})
    with Workspace.open(here.path / ".aml-emu") as workspace:
        for name, parent in (("all", None), ("part", "all"), ("other", None)):
            workspace.runs.create(
                NewRun(experiment="iris", name=name, parent=parent, owner=this_process())
            )
            workspace.runs.advance(name, "Completed", exit_code=0)
        told = here.run("runs", "delete", "all", "part", "all", "other").assert_success()
        assert told.err == "aml-emu  deleted `all`\naml-emu  deleted `other`\n"
        assert workspace.runs.list() == []


def test_a_run_whose_process_was_killed_is_marked_failed(project: MakeProject) -> None:
    here = project({})
    gone = Owner(pid=this_process().pid, started=1.0, host=this_process().host)
    with Workspace.open(here.path / ".aml-emu") as workspace:
        workspace.runs.create(NewRun(experiment="iris", name="one", owner=gone))
    outcome = here.run("runs", "list").assert_success()
    assert "run `one` lost the process that looked after it: Failed" in outcome.err
    assert "Failed" in outcome.out
    assert here.run("runs", "list").assert_success().err == ""


def test_looking_makes_no_workspace(project: MakeProject) -> None:
    here = project({})
    assert json.loads(here.run("runs", "list", "--json").assert_success().out) == []
    assert here.run("assets", "list").assert_success().out == ""
    assert (
        "nothing was run or registered in this project yet"
        in here.run("runs", "show", "x").assert_failed(2).err
    )
    assert list(Path(here.path).iterdir()) == []


def test_a_damaged_workspace_is_told(project: MakeProject) -> None:
    here = project({".aml-emu": {"workspace.db": b"\x00garbage" * 1000}})
    outcome = here.run("runs", "list").assert_failed(3)
    assert outcome.err.startswith("error: damaged, or no database: ")
    assert "Traceback" not in outcome.err
