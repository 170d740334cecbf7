"""The environment that a job or deployment names: one of this workspace, else a curated one."""

from __future__ import annotations

from toolkit.errors import NotFound
from toolkit.specs.environment import Environment, load_environment
from toolkit.workspace.references import is_reference
from toolkit.workspace.workspace import Workspace


def environment_named(named: Environment | str, workspace: Workspace) -> Environment:
    """Raises NotFound, with the nearest names, for one that neither knows."""
    if not isinstance(named, str):
        return named
    if is_reference(named) and not named.startswith("azureml://registries/"):
        try:
            version = workspace.assets.get("environment", named)
        except NotFound:
            return load_environment(named)
        if version.path is not None:
            return load_environment(version.path)
    return load_environment(named)
