"""What a script's pipeline was when it was submitted, so that a step of it can be opened again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from toolkit.live.authoring.graph import graph_of
from toolkit.live.authoring.jobs import EnvironmentOf, Shop, Told
from toolkit.plans.pipeline.graph import Graph
from toolkit.workspace.data import DataLocator
from toolkit.workspace.workspace import Workspace

_KIND: Final = "submitted-pipeline"


def record_pipeline(workspace: Workspace, path: str, told: Told, values: Mapping[str, Any]) -> None:
    """`path` is what its steps call it in their definitions."""
    workspace.documents.put(_KIND, path, {"pipeline": dict(told), "values": dict(values)})


def is_recorded(workspace: Workspace, path: str) -> bool:
    return workspace.documents.find(_KIND, path) is not None


def recorded_graph(
    workspace: Workspace, path: str, *, locator: DataLocator, environment_of: EnvironmentOf
) -> Graph:
    """Its steps with the arguments they had then; scripts are those that lie there now."""
    found = workspace.documents.find(_KIND, path) or {}
    shop = Shop(workspace=workspace, locator=locator, environment_of=environment_of)
    return graph_of(found["pipeline"], found["values"], shop)
