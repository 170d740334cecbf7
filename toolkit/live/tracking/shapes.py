"""Runs, metrics and experiments as MLflow's REST spells them. Reads no request, changes nothing."""

from __future__ import annotations

import getpass
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from toolkit.live.tracking.failures import invalid
from toolkit.workspace.model import Experiment, Metric, Run, RunStatus
from toolkit.workspace.workspace import Workspace

RUN_ARTIFACTS: Final = "mlflow-artifacts:/runs"
MODEL_ARTIFACTS: Final = "mlflow-artifacts:/models"
PARENT_TAG: Final = "mlflow.parentRunId"
NAME_TAG: Final = "mlflow.runName"
NOTE_TAG: Final = "mlflow.note.content"

_TO_MLFLOW: Final[Mapping[RunStatus, str]] = {
    "NotStarted": "SCHEDULED",
    "Starting": "SCHEDULED",
    "Provisioning": "SCHEDULED",
    "Preparing": "SCHEDULED",
    "Queued": "SCHEDULED",
    "Running": "RUNNING",
    "Finalizing": "RUNNING",
    "CancelRequested": "RUNNING",
    "NotResponding": "RUNNING",
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
}
_FROM_MLFLOW: Final[Mapping[str, RunStatus]] = {
    "SCHEDULED": "Queued",
    "RUNNING": "Running",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
_STATUS_NUMBERS: Final = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


def status_of(text: str) -> RunStatus:
    """From MLflow's name for a status, or the number that stands for it."""
    name = text.upper()
    if name.isdecimal() and 0 < int(name) < len(_STATUS_NUMBERS):
        name = _STATUS_NUMBERS[int(name)]
    if name not in _FROM_MLFLOW:
        raise invalid(f"unknown status: {text}")
    return _FROM_MLFLOW[name]


def status_to(status: RunStatus) -> str:
    return _TO_MLFLOW[status]


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def artifact_uri(run: str) -> str:
    return f"{RUN_ARTIFACTS}/{run}"


def lifecycle(*, archived: bool) -> str:
    return "deleted" if archived else "active"


def run_info(run: Run, experiment: str) -> dict[str, Any]:
    """`experiment` is the id."""
    info: dict[str, Any] = {
        "run_id": run.name,
        "run_uuid": run.name,
        "run_name": run.display_name,
        "experiment_id": experiment,
        "user_id": run.tags.get("mlflow.user", getpass.getuser()),
        "status": status_to(run.status),
        "start_time": milliseconds(run.started or run.created),
        "artifact_uri": artifact_uri(run.name),
        "lifecycle_stage": lifecycle(archived=run.archived),
    }
    if run.ended is not None:
        info["end_time"] = milliseconds(run.ended)
    return info


def run_tags(run: Run) -> dict[str, str]:
    """What was set, and what MLflow's user interface and client look for."""
    derived = {NAME_TAG: run.display_name, "mlflow.rootRunId": run.root}
    if run.parent is not None:
        derived[PARENT_TAG] = run.parent
    return {"mlflow.user": getpass.getuser(), **run.tags, **derived}


def run_json(workspace: Workspace, run: Run) -> dict[str, Any]:
    """A whole run with its latest metrics."""
    experiment = workspace.experiments.get_or_create(run.experiment).id
    latest = workspace.metrics.latest(run.name)
    return {
        "info": run_info(run, experiment),
        "data": {
            "metrics": [metric_json(metric) for metric in latest.values()],
            "params": key_values(run.parameters),
            "tags": key_values(run_tags(run)),
        },
        **_linked(workspace, run.name),
    }


def metric_json(metric: Metric) -> dict[str, Any]:
    return {
        "key": metric.key,
        "value": number_json(metric.value),
        "timestamp": metric.timestamp,
        "step": metric.step,
    }


def number_json(value: float) -> float | str:
    """As protocol buffers write it: JSON has no NaN."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def key_values(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": experiment.id,
        "name": experiment.name,
        "artifact_location": f"mlflow-artifacts:/experiments/{experiment.id}",
        "lifecycle_stage": lifecycle(archived=experiment.archived),
        "creation_time": milliseconds(experiment.created),
        "last_update_time": milliseconds(experiment.updated),
        "tags": key_values(experiment.tags),
    }


LINKS: Final = "mlflow-run-links"
"""The kind of document that holds the datasets and models which a run was given and made."""


def _linked(workspace: Workspace, run: str) -> dict[str, Any]:
    links = workspace.documents.find(LINKS, run) or {}
    return {
        "inputs": {
            "dataset_inputs": links.get("datasets", []),
            "model_inputs": links.get("models_in", []),
        },
        "outputs": {"model_outputs": links.get("models_out", [])},
    }


def add_links(workspace: Workspace, run: str, key: str, links: Sequence[Mapping[str, Any]]) -> None:
    """Add to what a run is linked with, each once."""
    known = workspace.documents.find(LINKS, run) or {}
    before = known.get(key, [])
    added = [link for link in links if link not in before]
    workspace.documents.put(LINKS, run, {**known, key: [*before, *added]})
