from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit.dropin.azureml.core.run import Run
from toolkit.dropin.azureml.core.script_run_config import ScriptRunConfig
from toolkit.dropin.azureml.exceptions import (
    RunEnvironmentException,
    ServiceException,
    UserErrorException,
)
from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import Run as Stored
from toolkit.workspace.workspace import Workspace

pytestmark = pytest.mark.usefixtures("in_job")


class Single:
    """What NumPy's scalars and one-element arrays look like."""

    size = 1

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value


class Array:
    ndim = 1

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def tolist(self) -> list[float]:
        return [1.5, 2.5]


def test_metrics_come_back_in_the_sdks_shape() -> None:
    run = Run.get_context(allow_offline=False)
    run.log("once", 1)
    for value in (3, 2):
        run.log("twice", value)
    run.log("text", "a")
    run.log("nothing", None)
    run.log("numpy", Single(0.5))
    run.log("object", {1})
    run.log_list("list", [1, "b", Single(2)])
    run.log_list("array", Array())
    run.log_row("row", x=1)
    for row in ({"x": 1, "y": 2}, {"x": 3, "z": 4}):
        run.log_row("rows", **row)
    run.log_table("table", {"a": [1, 2], "b": Array()})
    assert run.get_metrics() == {
        "once": 1,
        "twice": [3, 2],
        "text": "a",
        "nothing": None,
        "numpy": 0.5,
        "object": "{1}",
        "list": [1, "b", 2],
        "array": [1.5, 2.5],
        "row": {"x": 1},
        "rows": {"x": [1, 3], "y": [2, None], "z": [None, 4]},
        "table": {"a": [1, 2], "b": [1.5, 2.5]},
    }
    assert run.get_metrics("once") == {"once": 1}
    assert run.get_metrics("none") == {}


def test_numbers_are_metrics_for_mlflow_too(workspace: Workspace, own: Stored) -> None:
    run = Run.get_context()
    for value in (0.5, 0.25):
        run.log("loss", value)
    run.log("loss", 0.125, step=10)
    run.log("flag", value=True)
    history = workspace.metrics.history(own.name, "loss")
    assert [(each.step, each.value) for each in history] == [(0, 0.5), (1, 0.25), (10, 0.125)]
    assert set(workspace.metrics.latest(own.name)) == {"loss"}


def test_images_and_charts_are_artifacts(home: Path) -> None:
    run = Run.get_context()
    (home / "a.jpg").write_bytes(b"jpg")
    run.log_image("photo", path="a.jpg")
    run.log_image("plot", plot=Figure())
    run.log_confusion_matrix("matrix", {"data": [1]})
    photo, plot = (name for name in run.get_file_names() if name != "matrix")
    assert photo.startswith("photo_")
    assert photo.endswith(".jpg")
    assert plot.endswith(".png")
    assert run.get_metrics("photo")["photo"] == (
        f"aml://artifactId/ExperimentRun/dcid.{run.id}/{photo}"
    )
    run.download_file("matrix")
    assert json.loads((home / "matrix").read_text()) == {"data": [1]}
    for wrong in ({}, {"path": "a.jpg", "plot": Figure()}):
        with pytest.raises(UserErrorException):
            run.log_image("both", **wrong)


class Figure:
    def savefig(self, target: Any, format: str) -> None:  # noqa: A002  # matplotlib's word
        target.write(format.encode())


def test_files_are_uploaded_once(home: Path) -> None:
    run = Run.get_context()
    (home / "model.pkl").write_bytes(b"m")
    (home / "data" / "deep").mkdir(parents=True)
    (home / "data" / "deep" / "a").write_text("a")
    run.upload_file("outputs/model.pkl", "model.pkl")
    run.upload_folder("folder", "data")
    run.upload_files(["x", "y"], ["model.pkl", "model.pkl"])
    assert run.get_file_names() == ["folder/deep/a", "outputs/model.pkl", "x", "y"]
    with pytest.raises(UserErrorException, match="already exists"):
        run.upload_file("outputs/model.pkl", "model.pkl")
    for name, path in (("new", "nowhere"), ("new", "data")):
        with pytest.raises(UserErrorException, match="does not exist"):
            run.upload_file(name, path)
    with pytest.raises(ServiceException):
        run.upload_file("../up", "model.pkl")
    run.download_files(prefix="folder", output_directory="back")
    assert (home / "back/folder/deep/a").read_text() == "a"
    with pytest.raises(UserErrorException, match="was not found"):
        run.download_file("nothing")


def test_a_refusal_of_a_large_upload_is_told(home: Path) -> None:
    run = Run.get_context()
    with (home / "big").open("wb") as file:
        file.truncate(32 << 20)
    run.upload_file("big", "big")
    with pytest.raises(UserErrorException, match="already exists"):
        run.upload_file("big", "big")


def test_tags_and_properties() -> None:
    run = Run.get_context()
    run.tag("a")
    run.set_tags({"b": 1})
    assert run.get_tags() == {"a": "", "b": "1"}
    assert run.remove_tags("a") == {"b": "1"}
    run.add_properties({"p": 1})
    with pytest.raises(ServiceException, match="cannot be changed"):
        run.add_properties({"p": 2})
    run.display_name = "shown"
    assert Run.get_context().display_name == "shown"


def test_children(workspace: Workspace, own: Stored) -> None:
    run = Run.get_context()
    with run.child_run("kid") as kid:
        kid.log("m", 1)
    with pytest.raises(ZeroDivisionError), run.child_run():
        raise ZeroDivisionError
    made = run.create_children(tag_key="fold", tag_values=["a", "b"])
    made[0].start()
    made[0].cancel()
    assert [child.status for child in run.get_children()] == [
        "Completed",
        "Failed",
        "Canceled",
        "NotStarted",
    ]
    assert [child.id for child in run.get_children(tags={"fold": "b"})] == [made[1].id]
    assert run.get_metrics(recursive=True)[kid.id] == {"m": 1}
    assert kid.parent.id == run.id
    assert workspace.runs.get(kid.id).display_name == f"{own.display_name}_kid"
    with pytest.raises(UserErrorException):
        run.create_children()


def test_a_job_ends_with_its_script_only(
    workspace: Workspace, own: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.get_context()
    with run:
        run.complete()
    run.fail("oh")
    run.cancel()
    assert workspace.runs.get(own.name).status == "Running"
    assert "cannot cancel itself" in capsys.readouterr().out


def test_what_a_run_is(own: Stored, in_job: Tracking) -> None:
    run = Run.get_context()
    assert (run.id, run.number, run.status, run.parent) == (own.name, 1, "Running", None)
    assert run.experiment.name == "exp"
    assert [each.id for each in run.experiment.get_runs()] == [own.name]
    workspace = run.experiment.workspace
    assert workspace.get_mlflow_tracking_uri() == f"http://127.0.0.1:{in_job.port}"
    assert Run.get(workspace, own.name).id == own.name
    assert run.get_details()["runId"] == own.name


def test_secrets_are_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    run = Run.get_context()
    assert run.get_secret("db-password") == "s3cret"
    with pytest.raises(UserErrorException, match="`NO_SUCH`"):
        run.get_secret("no.such")


def test_what_is_not_here_says_what_to_do() -> None:
    with pytest.raises(AttributeError, match=r"install `azureml-core`.*v1-compatibility.md"):
        Run.get_context().submit_child(None)
    assert not hasattr(Run.get_context(), "submit_child")


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: run.experiment.submit(ScriptRunConfig(".", "a.py")),
        lambda run: run.experiment.workspace.compute_targets,
        lambda run: run.experiment.workspace.environments,
    ],
)
def test_a_job_submits_and_builds_nothing(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(RunEnvironmentException, match="`aml-emu python`"):
        ask(Run.get_context())


def test_input_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_DATASET_ENVIRONMENT_VARS", "raw:mount,")
    monkeypatch.setenv("raw", "/data/raw")
    datasets = Run.get_context().input_datasets
    assert dict(datasets) == {"raw": "/data/raw"}
    with pytest.raises(UserErrorException, match="there is: raw"):
        datasets["cooked"]


def test_an_emulator_that_is_gone_is_told(
    monkeypatch: pytest.MonkeyPatch, in_job: Tracking
) -> None:
    monkeypatch.setenv("AML_EMU_TRACKING", "http://127.0.0.1:9")
    with pytest.raises(ServiceException, match=r"does not answer at 127\.0\.0\.1:9"):
        Run.get_context().log("a", 1)


@pytest.mark.parametrize(("path", "extension"), [("./plot", ""), ("a.d/plot.jpeg", ".jpeg")])
def test_a_picture_keeps_its_extension(home: Path, path: str, extension: str) -> None:
    (home / path).parent.mkdir(exist_ok=True)
    (home / path).write_bytes(b"p")
    run = Run.get_context()
    run.log_image("loss", path=path)
    (name,) = run.get_file_names()
    assert Path(name).suffix == extension
    assert name.startswith("loss_")
    assert "/" not in name


def test_the_runs_of_an_experiment_are_those_at_the_top() -> None:
    run = Run.get_context()
    child = run.child_run("child")
    child.tag("kind", "small")
    found = run.experiment.get_runs
    assert [each.id for each in found()] == [run.id]
    assert {each.id for each in found(include_children=True)} == {run.id, child.id}
    assert [each.id for each in found(tags={"kind": "small"}, include_children=True)] == [child.id]
    assert list(found(type="hyperdrive")) == []
    run.add_properties({"by": "me"})
    assert [each.id for each in found(properties={"by": "me"})] == [run.id]
    assert list(found(properties="other")) == []
