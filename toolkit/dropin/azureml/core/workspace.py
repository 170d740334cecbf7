"""The workspace that a job belongs to. Another one cannot be reached from here."""

from __future__ import annotations

import json
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

    @classmethod
    def create(cls, name: Optional[str] = None, **_kwargs: Any) -> Workspace:
        """Nothing is made: this project's workspace stands in for all."""
        return cls(workspace_name=name)

    @classmethod
    def list(cls, subscription_id: Optional[str] = None, **_kwargs: Any) -> Dict[str, Any]:
        """By name; there is one."""
        only = cls()
        return {str(only.name): [only]}

    def write_config(self, path: Optional[str] = None, file_name: Optional[str] = None) -> None:
        """As `.azureml/config.json` under a folder."""
        folder = os.path.join(path or os.getcwd(), ".azureml")
        os.makedirs(folder, exist_ok=True)
        said = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
        }
        with open(os.path.join(folder, file_name or "config.json"), "w", encoding="utf-8") as file:
            json.dump(said, file, indent=4)

    @property
    def compute_targets(self) -> Dict[str, Any]:
        """The stand-ins that were created, by name."""
        from .compute import ComputeTarget

        return {compute.name: compute for compute in ComputeTarget.list(self)}

    def get_default_compute_target(self, type: str = "CPU") -> Any:
        return next(iter(self.compute_targets.values()), None)

    @property
    def environments(self) -> Dict[str, Any]:
        """Those that were registered, and the curated ones."""
        from .environment import Environment

        return Environment.list(self)

    @property
    def experiments(self) -> Dict[str, Any]:
        from .experiment import Experiment

        return {experiment.name: experiment for experiment in Experiment.list(self)}

    @property
    def datastores(self) -> Dict[str, Any]:
        """The folders that stand for datastores."""
        from .._aml_emu.authoring import ask
        from .datastore import Datastore

        names = ask(self._link, "GET", "datastores")["names"]
        return {name: Datastore(self, name) for name in names}

    def set_default_datastore(self, name: str) -> None:
        self.get_default_datastore().__class__(self, name).set_as_default()

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
