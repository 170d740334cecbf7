"""The environment variables through which a run finds its tracking. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
RESOURCE_GROUP: Final = "aml-emu"
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")


def run_variables(
    workspace: Workspace,
    run: Run,
    *,
    server: str,
    token: str,
    expires: datetime,
    given: Mapping[str, str],
) -> Mapping[str, str]:
    """What `azureml-core` and MLflow read; `server` is `http://host:port`."""
    experiment = workspace.experiments.get_or_create(run.experiment)
    scope = workspace_scope(workspace.name)
    return {
        "AZUREML_RUN_ID": run.name,
        "AZUREML_ROOT_RUN_ID": run.root,
        "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
        "AZUREML_ARM_RESOURCEGROUP": RESOURCE_GROUP,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
        "AZUREML_EXPERIMENT_ID": experiment.id,
        "AZUREML_WORKSPACE_ID": workspace.id,
        "AZUREML_WORKSPACE_SCOPE": scope,
        "AZUREML_EXPERIMENT_SCOPE": f"{scope}/experiments/{experiment.name}",
        "AZUREML_SERVICE_ENDPOINT": server,
        "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT": server,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{server}/discovery",
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": str(int(expires.timestamp())),
        "AZUREML_DATA_CONTAINER_ID": f"dcid.{run.name}",
        "AML_EMU_TRACKING": server,
        "MLFLOW_TRACKING_URI": server,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": run.name,
        "MLFLOW_EXPERIMENT_ID": experiment.id,
        "MLFLOW_EXPERIMENT_NAME": experiment.name,
        **_direct(urlsplit(server).hostname or "", given),
    }


def workspace_scope(name: str) -> str:
    """The ARM path of the workspace: a subscription and a group that exist nowhere."""
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def _direct(host: str, given: Mapping[str, str]) -> dict[str, str]:
    """The way round a proxy, for a run that has one."""
    if not any(given.get(name) for name in _PROXIES):
        return {}
    return {
        name: ",".join(filter(None, (given.get(name), host, "127.0.0.1", "localhost")))
        for name in _NO_PROXY
    }
