"""Computes are names here: whatever a job's target is called, it runs on this machine."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ..._aml_emu.authoring import ask
from ..._aml_emu.lazy import lazily
from ..._aml_emu.missing import missing_member
from ...exceptions import ComputeTargetException

_TARGETS = "use `AmlCompute` as a stand-in, or leave the compute out"

_missing = lazily(
    __name__,
    {},
    dict.fromkeys(
        ("AksCompute", "BatchCompute", "DatabricksCompute", "HDInsightCompute", "RemoteCompute"),
        _TARGETS,
    ),
)


def __getattr__(name: str) -> Any:
    return _missing(name)


class ComputeTarget:
    """`ComputeTarget(workspace, name)` finds one that was created; else ComputeTargetException."""

    _KIND = "AmlCompute"

    def __new__(cls, workspace: Any, name: str, *_args: Any, **_kwargs: Any) -> Any:
        kinds: Dict[str, Any] = {"AmlCompute": AmlCompute, "ComputeInstance": ComputeInstance}
        for found in _known(workspace):
            if found["name"] == name:
                made = object.__new__(kinds.get(found["kind"], AmlCompute))
                made._fill(workspace, found)
                return made
        raise ComputeTargetException(
            f"ComputeTargetNotFound: Compute Target with name {name} not found in provided "
            f"workspace; create it, or run `aml-emu python --compute {name}`"
        )

    def __init__(self, workspace: Any, name: str, *_args: Any, **_kwargs: Any) -> None:
        """It was filled when it was found."""

    def _fill(self, workspace: Any, found: Dict[str, Any]) -> None:
        self.workspace = workspace
        self.name = found["name"]
        self.type = found["kind"]
        self.vm_size = found.get("vm_size")
        self.min_nodes = found.get("min_nodes")
        self.max_nodes = found.get("max_nodes")
        self.location = "local"
        self.provisioning_state = "Succeeded"
        self.provisioning_errors = None

    @staticmethod
    def create(workspace: Any, name: str, provisioning_configuration: Any) -> Any:
        """A name that jobs can be sent to."""
        body = dict(provisioning_configuration._wire(), name=name)
        ask(workspace._link, "POST", "computes", body)
        return ComputeTarget(workspace, name)

    @staticmethod
    def list(workspace: Any) -> List[Any]:
        return [ComputeTarget(workspace, found["name"]) for found in _known(workspace)]

    def wait_for_completion(self, show_output: bool = False, *_args: Any, **_kwargs: Any) -> None:
        if show_output:
            print("Succeeded (a stand-in: jobs run on this machine)")

    wait_for_provisioning = wait_for_completion

    def get_status(self) -> Any:
        return self

    def serialize(self) -> Dict[str, Any]:
        return {
            "name": self.name,
            "computeType": self.type,
            "provisioningState": "Succeeded",
            "properties": {
                "vmSize": self.vm_size,
                "scaleSettings": {"minNodeCount": self.min_nodes, "maxNodeCount": self.max_nodes},
            },
        }

    def delete(self) -> None:
        ask(self.workspace._link, "DELETE", "computes/" + self.name)

    def start(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing has to be started."""

    stop = restart = update = start

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name, "it is a stand-in for a compute of Azure")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name})"


class AmlCompute(ComputeTarget):
    """A stand-in for a cluster."""

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: Optional[int] = None,
        *_args: Any,
        **_kwargs: Any,
    ) -> Provisioning:
        return Provisioning("AmlCompute", vm_size, min_nodes, max_nodes)

    @staticmethod
    def supported_vmsizes(workspace: Any, location: Optional[str] = None) -> List[Any]:
        return []


class ComputeInstance(ComputeTarget):
    """A stand-in for a machine of one's own."""

    _KIND = "ComputeInstance"

    @staticmethod
    def provisioning_configuration(vm_size: str = "", *_args: Any, **_kwargs: Any) -> Provisioning:
        return Provisioning("ComputeInstance", vm_size, 1, 1)


class Provisioning:
    """What a compute was to be like."""

    def __init__(self, kind: str, vm_size: str, least: int, most: Optional[int]) -> None:
        self.kind = kind
        self.vm_size = vm_size
        self.min_nodes = least
        self.max_nodes = most

    def _wire(self) -> Dict[str, Any]:
        return dict(vars(self))


def _known(workspace: Any) -> List[Dict[str, Any]]:
    return list(ask(workspace._link, "GET", "computes")["computes"])
