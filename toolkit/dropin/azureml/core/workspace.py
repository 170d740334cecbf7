"""The workspace that a job belongs to. Another one cannot be reached from here."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

from .._aml_emu.link import Link, link_or_raise
from .._aml_emu.missing import missing_member


class Workspace:
    """What the job's environment says about its workspace."""

    def __init__(
        self,
        subscription_id: Optional[str] = None,
        resource_group: Optional[str] = None,
        workspace_name: Optional[str] = None,
        *,
        _link: Optional[Link] = None,
        **_kwargs: Any,
    ) -> None:
        environ = os.environ
        self._link = _link or link_or_raise()
        self.subscription_id = environ.get("AZUREML_ARM_SUBSCRIPTION", subscription_id)
        self.resource_group = environ.get("AZUREML_ARM_RESOURCEGROUP", resource_group)
        self.name = environ.get("AZUREML_ARM_WORKSPACE_NAME", workspace_name)
        self.location = "local"

    @classmethod
    def from_config(cls, *_args: Any, **_kwargs: Any) -> Workspace:
        """The job's own workspace, whatever a config.json names."""
        return cls()

    @classmethod
    def get(cls, name: Optional[str] = None, **_kwargs: Any) -> Workspace:
        return cls(workspace_name=name)

    def get_mlflow_tracking_uri(self, *_args: Any, **_kwargs: Any) -> str:
        """What MLflow has been told already."""
        return os.environ["MLFLOW_TRACKING_URI"]

    def get_details(self) -> Dict[str, Any]:
        return {
            "id": os.environ.get("AZUREML_WORKSPACE_SCOPE"),
            "name": self.name,
            "location": self.location,
            "workspaceid": os.environ.get("AZUREML_WORKSPACE_ID"),
        }

    def get_default_datastore(self) -> Any:
        from .datastore import Datastore  # a job that needs none loads none

        return Datastore(self)

    def get_default_keyvault(self) -> Any:
        from .keyvault import Keyvault

        return Keyvault(self)

    @property
    def models(self) -> Dict[str, Any]:
        """The newest version of each registered model."""
        from .model import Model

        return {model.name: model for model in reversed(Model.list(self))}

    @property
    def datasets(self) -> Dict[str, Any]:
        """The newest version of each registered dataset."""
        from .dataset import Dataset

        return Dataset.get_all(self)

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name='{self.name}', subscription_id='{self.subscription_id}', "
            f"resource_group='{self.resource_group}')"
        )
