"""The environment that a job or deployment names: one of this workspace, else a curated one."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import NotFound
from toolkit.specs.environment import Environment, load_environment
from toolkit.workspace.references import is_reference
from toolkit.workspace.workspace import Workspace


def environment_named(named: Environment | str, workspace: Workspace) -> Environment:
    """Raises NotFound, with the nearest names, for one that neither knows."""
    if not isinstance(named, str):
        return named
    return load_environment(registered_file(named, workspace) or named)


def registered_file(named: str, workspace: Workspace) -> Path | None:
    """Where the YAML of an environment of this workspace lies."""
    if not is_reference(named) or named.startswith("azureml://registries/"):
        return None
    try:
        return workspace.assets.get("environment", named).path
    except NotFound:
        return None
