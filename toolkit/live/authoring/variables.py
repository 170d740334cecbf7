"""The environment of a v1 script: the drop-in first on its path, and the way to the emulator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from toolkit.live.tracking.variables import RESOURCE_GROUP, SUBSCRIPTION, workspace_scope
from toolkit.resources import dropin
from toolkit.workspace.workspace import Workspace

# of the run that aml-emu itself may be part of: the script is in none
_OF_A_RUN: Final = ("AZUREML_RUN_ID", "AZUREML_ROOT_RUN_ID", "MLFLOW_RUN_ID")


def script_variables(
    workspace: Workspace, *, server: str, token: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """`environ` with what the drop-in and MLflow read; `server` is `http://host:port`."""
    path = os.pathsep.join(filter(None, (str(dropin()), environ.get("PYTHONPATH"))))
    return {
        **{name: value for name, value in environ.items() if name not in _OF_A_RUN},
        "PYTHONPATH": path,
        "AML_EMU_TRACKING": server,
        "AML_EMU_AUTHORING": "1",
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
        "AZUREML_ARM_RESOURCEGROUP": RESOURCE_GROUP,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_WORKSPACE_ID": workspace.id,
        "AZUREML_WORKSPACE_SCOPE": workspace_scope(workspace.name),
        "MLFLOW_TRACKING_URI": server,
        "MLFLOW_TRACKING_TOKEN": token,
    }
