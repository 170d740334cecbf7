"""The real MLflow client in a process of its own, which knows only the variables of its run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolkit.live.tracking.artifacts import Artifacts
from toolkit.live.tracking.server import Tracking
from toolkit.plans.dropin import dropin_source
from toolkit.settings import cache_folder
from toolkit.workspace.model import NewRun, Run
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace

FULL = ("mlflow>=3.1", "scikit-learn", "matplotlib")

Job = Callable[..., str]

LOGS = """
    import mlflow
    from mlflow import MlflowClient
    with mlflow.start_run() as run:
        mlflow.log_params({"lr": 0.1})
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.set_tag("colour", "red")
        mlflow.log_text("hello", "notes/a.txt")
        try:
            mlflow.log_param("lr", 2)
        except mlflow.MlflowException as error:
            print("refused:", error.error_code)
        with mlflow.start_run(nested=True, run_name="kid") as kid:
            mlflow.log_metric("acc", 0.5)
    client = MlflowClient()
    mine = client.get_run(run.info.run_id)
    print("job:", mine.info.run_id, mine.info.status, mine.data.params, mine.data.metrics)
    print("history:", [m.step for m in client.get_metric_history(mine.info.run_id, "loss")])
    print("files:", [f.path for f in client.list_artifacts(mine.info.run_id, "notes")])
    print("text:", mlflow.artifacts.load_text(f"runs:/{mine.info.run_id}/notes/a.txt"))
    found = client.search_runs([mine.info.experiment_id], "metrics.acc > 0.4")
    print("found:", [each.info.run_name for each in found])
    print("experiment:", client.get_experiment(mine.info.experiment_id).name)
    client.create_registered_model("empty")
    print("models:", [model.name for model in client.search_registered_models()])
    print("new:", mlflow.set_experiment("second").name, client.get_experiment_by_name("none"))
"""

TRAINS = """
    import matplotlib
    import mlflow
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    matplotlib.use("Agg")
    mlflow.sklearn.autolog(log_models=False)
    data, target = load_iris(return_X_y=True, as_frame=True)
    with mlflow.start_run() as run:
        model = LogisticRegression(max_iter=200).fit(data, target)
        needs = ["scikit-learn"]
        logged = mlflow.sklearn.log_model(
            model, name="model", pip_requirements=needs, registered_model_name="iris"
        )
    source = f"runs:/{run.info.run_id}/model"
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("iris", "champion", 1)
    for uri in (logged.model_uri, source, "models:/iris/1", "models:/iris@champion"):
        print("predicts:", list(mlflow.sklearn.load_model(uri).predict(data[:2])))
    print("again:", mlflow.register_model(source, "iris").version)
    print("logged:", [each.name for each in mlflow.search_logged_models(output_format="list")])
    done = client.get_run(run.info.run_id)
    print("inputs:", len(done.inputs.dataset_inputs) > 0)
    print("outputs:", len(done.outputs.model_outputs))
"""

REPORTS = """
    import mlflow
    from azureml.core import Run
    run = Run.get_context(allow_offline=False)
    mlflow.set_tracking_uri(run.experiment.workspace.get_mlflow_tracking_uri())
    run.log("v1", 1)
    with mlflow.start_run():
        mlflow.log_metric("mlflow", 2)
    print(run.get_metrics())
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".aml-emu") as opened:
        yield opened


@pytest.fixture
def run(workspace: Workspace) -> Run:
    asked = NewRun(experiment="exp", owner=this_process(), status="Running")
    return workspace.runs.create(asked)


@pytest.fixture
def job(workspace: Workspace, run: Run, tmp_path: Path) -> Job:
    """`job(script)`: runs it as the run, and gives what it printed."""

    def start(script: str, *, python: str = sys.executable) -> str:
        (tmp_path / "job.py").write_text(textwrap.dedent(script), "utf-8")
        with Tracking(workspace, binds=[]) as tracking:
            variables = tracking.variables(run, host="127.0.0.1")
            known = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
            done = subprocess.run(
                [python, "job.py"],
                cwd=tmp_path,
                env={**known, **variables, "PYTHONPATH": str(dropin_source())},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start


@pytest.fixture(scope="session")
def full_mlflow() -> str:
    """A Python with all of MLflow, kept for the next time; no index, no test."""
    folder = cache_folder(os.environ) / "tests" / f"mlflow-{sys.version_info.minor}"
    python = folder / "bin/python"
    if not python.exists():
        unfinished = folder.with_name(f"{folder.name}-{os.getpid()}")
        commands = (
            ("venv", "--quiet", "--relocatable", "--python", sys.executable, str(unfinished)),
            ("pip", "install", "--quiet", "--python", str(unfinished / "bin/python"), *FULL),
        )
        for command in commands:
            made = subprocess.run(
                [sys.executable, "-m", "uv", *command], capture_output=True, text=True, check=False
            )
            if made.returncode != 0:
                shutil.rmtree(unfinished, ignore_errors=True)
                pytest.skip(f"MLflow could not be installed: {made.stderr[-500:]}")
        unfinished.rename(folder)
    return str(python)


def test_what_mlflow_logs_is_in_the_workspace(job: Job, workspace: Workspace, run: Run) -> None:
    printed = job(LOGS)
    for line in (
        "refused: INVALID_PARAMETER_VALUE",
        f"job: {run.name} RUNNING {{'lr': '0.1'}} {{'loss': 0.3333333333333333}}",
        "history: [0, 1, 2]",
        "files: ['notes/a.txt']",
        "text: hello",
        "found: ['kid']",
        "experiment: exp",
        "models: ['empty']",
        "new: second None",
    ):
        assert line in printed
    kept = workspace.runs.get(run.name)
    assert (kept.status, kept.parameters) == ("Running", {"lr": "0.1"})
    assert kept.tags["colour"] == "red"
    assert [(child.display_name, child.status) for child in workspace.runs.children(run.name)] == [
        ("kid", "Completed")
    ]
    assert list(Artifacts(workspace.folder_of(run.name)).files()) == ["notes/a.txt"]


def test_both_ways_of_logging_meet(job: Job) -> None:
    assert "{'v1': 1, 'mlflow': 2.0}" in job(REPORTS)


def test_scikit_learn_is_logged_registered_and_loaded(
    job: Job, workspace: Workspace, run: Run, full_mlflow: str
) -> None:
    printed = job(TRAINS, python=full_mlflow)
    assert (
        printed.count("predicts: [0, 0]") + printed.count("predicts: [np.int64(0), np.int64(0)]")
        == 4
    )
    for line in ("again: 2", "logged: ['model']", "inputs: True", "outputs: 1"):
        assert line in printed
    assert "training_accuracy_score" in workspace.metrics.latest(run.name)
    model = workspace.assets.get("model", "azureml:iris:1")
    assert model.type == "mlflow_model"
    assert model.path is not None
    assert (model.path / "MLmodel").is_file()
    assert model.labels == {"champion"}
    names = set(Artifacts(workspace.folder_of(run.name)).files())
    assert {"model/MLmodel", "training_confusion_matrix.png"} <= names
