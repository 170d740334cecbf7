"""`PublishedPipeline`: kept in the workspace, submitted by its id."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ..._aml_emu.authoring import ask
from ..._aml_emu.missing import missing_member
from .run import PipelineRun

_ADVICE = {"endpoint": "submit it with `published.submit`"}


class PublishedPipeline:
    """What `pipeline.publish` gives, also to a later script."""

    def __init__(self, workspace: Any, found: Mapping[str, Any]) -> None:
        self._workspace = workspace
        self.id = found["id"]
        self.name = found["name"]
        self.description = found["description"]
        self.version = found["version"]
        self.status = found["status"]

    @staticmethod
    def get(workspace: Any, id: str) -> PublishedPipeline:
        return PublishedPipeline(
            workspace,
            ask(workspace._link, "GET", "pipelines/published/" + id),
        )

    @staticmethod
    def list(workspace: Any, active_only: bool = True, **_kwargs: Any) -> List[PublishedPipeline]:
        found = ask(workspace._link, "GET", "pipelines/published")["pipelines"]
        return [
            PublishedPipeline(workspace, each)
            for each in found
            if each["status"] == "Active" or not active_only
        ]

    def submit(
        self,
        workspace: Any,
        experiment_name: str,
        pipeline_parameters: Optional[Mapping[str, Any]] = None,
        **_kwargs: Any,
    ) -> PipelineRun:
        from ...core.experiment import Experiment

        body = {"experiment": experiment_name, "values": values_of(pipeline_parameters)}
        path = f"pipelines/published/{self.id}/runs"
        found = ask(workspace._link, "POST", path, body)
        return PipelineRun._begun(Experiment(workspace, experiment_name), found)

    def enable(self) -> None:
        self._set("Active")

    activate = enable

    def disable(self) -> None:
        self._set("Disabled")

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name, _ADVICE.get(name, ""))

    def __repr__(self) -> str:
        return f"PublishedPipeline(Name: {self.name}, Id: {self.id}, Status: {self.status})"

    def _set(self, status: str) -> None:
        path = "pipelines/published/" + self.id
        ask(self._workspace._link, "PATCH", path, {"status": status})
        self.status = status

    @staticmethod
    def _of(workspace: Any, found: Mapping[str, Any]) -> PublishedPipeline:
        return PublishedPipeline(workspace, found)


def values_of(parameters: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """Datasets and paths by their references."""
    return {
        name: value._reference() if hasattr(value, "_reference") else value
        for name, value in (parameters or {}).items()
    }
