"""Datasets that a v1 script makes from paths: references in the workspace, copies where needed."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import Final

from toolkit.errors import NameTaken, NotFound
from toolkit.live.authoring.definitions import FOLDER
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.inputs import data_locator
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.failures import invalid
from toolkit.live.tracking.v1 import asset_json
from toolkit.workspace.data import DataLocator
from toolkit.workspace.model import AssetVersion, NewAsset
from toolkit.workspace.workspace import DEFAULT_DATASTORE

KIND: Final = "aml-emu.dataset"
_COPIES: Final = "datasets"
_PATTERN: Final = frozenset("*?[")


def create(authoring: Authoring, call: Call) -> Answer:
    """A dataset that is not registered yet: known by what it is made of."""
    paths = call.texts("paths")
    if not paths:
        raise invalid("a dataset needs a path")
    kind = call.optional("kind") or "file"
    properties = {KIND: kind, **call.mapping("properties")}
    locator = data_locator(authoring.workspace, authoring.settings, say=lambda _: None)
    path = _place(paths, authoring.settings.state_folder / FOLDER / _COPIES, locator)
    told = json.dumps([str(path), properties], sort_keys=True)
    name = f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    return asset_json(
        call.workspace.assets.register(
            NewAsset(
                kind="data",
                name=name,
                version="1",
                type="uri_file" if path.is_file() else "uri_folder",
                path=path,
                properties=properties,
            )
        )
    )


def register(_authoring: Authoring, call: Call) -> Answer:
    """Under a name. What is there under it must be the same, or a new version be wanted."""
    source = call.workspace.assets.get("data", call.text("reference"))
    name = call.text("name")
    before = _newest(call, name)
    if before is not None:
        if before.path == source.path:
            return asset_json(before)
        if not call.values.get("new_version"):
            raise NameTaken(
                f"There is already a dataset registered under name `{name}`",
                hint="pass create_new_version=True to register a new version of it",
            )
    return asset_json(
        call.workspace.assets.register(
            NewAsset(
                kind="data",
                name=name,
                type=source.type,
                path=source.path,
                uri=source.uri,
                description=call.optional("description") or "",
                tags=call.mapping("tags"),
                properties=source.properties,
            )
        )
    )


def datastores(authoring: Authoring, _call: Call) -> Answer:
    return {"names": sorted({DEFAULT_DATASTORE, *authoring.settings.datastores})}


def _newest(call: Call, name: str) -> AssetVersion | None:
    try:
        return call.workspace.assets.get("data", name)
    except NotFound:
        return None


def _place(paths: list[str], copies: Path, locator: DataLocator) -> Path:
    """The path itself; several, and patterns, become a folder with what they match."""
    if len(paths) == 1 and not _PATTERN & set(paths[0]):
        return locator.locate(paths[0], folder=Path.cwd()).resolve()
    found = [each for path in paths for each in _matched(path, locator)]
    digest = hashlib.sha256("\n".join(map(_signature, found)).encode()).hexdigest()[:12]
    folder = copies / digest
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f"{digest}.{uuid.uuid4().hex}.part")
    unfinished.mkdir(parents=True)
    for number, each in enumerate(found):
        target = unfinished / each.name
        if target.exists():  # of the same name in another folder
            target = unfinished / f"{each.stem}_{number}{each.suffix}"
        if each.is_dir():
            shutil.copytree(each, target)
        else:
            shutil.copy2(each, target)
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another script was faster, with the same
            raise
        shutil.rmtree(unfinished)
    return folder


def _matched(path: str, locator: DataLocator) -> list[Path]:
    """What a path or pattern means, never nothing."""
    if not _PATTERN & set(path):
        return [locator.locate(path, folder=Path.cwd())]
    fixed, _, pattern = _split(path)
    root = locator.locate(fixed, folder=Path.cwd())
    found = sorted(each for each in root.glob(pattern) if each.is_file())
    if not found:
        raise NotFound(f"nothing matches: {path}")
    return found


def _split(path: str) -> tuple[str, str, str]:
    """The part in front of the first folder or name with a wildcard, and the rest."""
    parts = path.split("/")
    first = next(index for index, part in enumerate(parts) if _PATTERN & set(part))
    return "/".join(parts[:first]), "/", "/".join(parts[first:])


def _signature(path: Path) -> str:
    """Another one when a file changes, also one deep in a folder."""
    inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else []
    facts = [(each, each.stat()) for each in (path, *inside)]
    return "\n".join(f"{each} {fact.st_mtime_ns} {fact.st_size}" for each, fact in facts)


ROUTES: Routes = {
    ("POST", "datasets"): create,
    ("POST", "datasets/registered"): register,
    ("GET", "datastores"): datastores,
}
