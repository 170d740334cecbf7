"""From an asset file to a registered version: what is copied, what is only referred to.

Models are copied, since training again would change them. Data stays where it lies, since it may
be large. Environments and components are their definition; code stays where it lies, so that a
breakpoint in it is hit and an edit counts at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.errors import NotFound, SpecError
from toolkit.specs.assets import Asset, type_problem
from toolkit.workspace.data import DataLocator
from toolkit.workspace.model import AssetVersion, NewAsset
from toolkit.workspace.workspace import Workspace


def register(
    asset: Asset,
    *,
    workspace: Workspace,
    locator: DataLocator,
    name: str | None = None,
    version: str | None = None,
) -> AssetVersion:
    """`name` and `version` override the file's. Errors name the file and the line."""
    chosen = name or asset.name
    if not chosen:
        raise asset.file.error(("name",), "no `name`", hint="write one, or give `--name`")
    try:
        return workspace.assets.register(
            NewAsset(
                kind=asset.kind,
                name=chosen,
                version=version or asset.version,
                type=asset.type,
                path=_model(asset, locator) if asset.kind == "model" else asset.path,
                uri=asset.uri,
                copied=asset.kind == "model",
                description=asset.description,
                tags=asset.tags,
                properties=asset.properties,
                definition=_renamed(asset, chosen),
            )
        )
    except SpecError as error:
        raise asset.file.error(("name",), error.message, hint=error.hint) from error


def _model(asset: Asset, locator: DataLocator) -> Path:
    """Where the model lies now, also if a run or a datastore has it."""
    if asset.path is not None:
        return asset.path
    try:
        path = locator.locate(asset.uri, folder=asset.file.path.parent)
    except (NotFound, SpecError) as error:
        raise asset.file.error(("path",), error.message, hint=error.hint) from error
    if problem := type_problem(asset.type, path):
        raise asset.file.error(("path",), problem)
    return path


def _renamed(asset: Asset, name: str) -> dict[str, Any]:
    """The definition under the name it is registered by; versions are the workspace's."""
    told = {key: value for key, value in asset.definition.items() if key != "version"}
    return {**told, "name": name} if told else {}
