"""Where the files are that clients name: of runs, models, data and datastores. Opens none of them.

A place is `runs/RUN/…`, `models/NAME/VERSION/…`, `data/NAME/VERSION/…`, `datastores/NAME/…` or
`staged/ID/…`, which is for files that are about to become a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from toolkit.live.tracking.artifacts import Artifacts, Entry, entries_in, find_in, target_in
from toolkit.live.tracking.call import Call
from toolkit.live.tracking.failures import Refused, invalid, missing
from toolkit.workspace.model import AssetKind
from toolkit.workspace.workspace import DEFAULT_DATASTORE

INCOMING: Final = ".incoming"
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ASSETS: Final[Mapping[str, AssetKind]] = {"models": "model", "data": "data"}


def read(call: Call, place: str) -> Path:
    """An existing file or folder."""
    kind, rest = _split(place)
    if kind == "runs":
        run, path = _split(rest)
        return Artifacts(call.workspace.folder_of(call.workspace.runs.get(run).name)).find(path)
    root, path = _root(call, kind, rest)
    if kind in _ASSETS and root.is_file():
        return _itself(root, path)
    return find_in(root, path)


def listed(call: Call, place: str) -> list[Entry]:
    """What is directly inside; the paths are named from the place's own root."""
    kind, rest = _split(place)
    if kind == "runs":
        run, path = _split(rest)
        return Artifacts(call.workspace.folder_of(call.workspace.runs.get(run).name)).entries(path)
    root, path = _root(call, kind, rest)
    if kind in _ASSETS and root.is_file():
        return [] if path else [Entry(path=root.name, is_folder=False, size=root.stat().st_size)]
    return entries_in(root, path)


def written(call: Call, place: str, *, exclusive: bool = False) -> Path:
    """Where a new file goes. With `exclusive`, Refused if one of that name is there."""
    kind, rest = _split(place)
    if kind == "runs":
        run, path = _split(rest)
        found = call.workspace.runs.get(run)
        call.check_own(found)
        artifacts = Artifacts(call.workspace.folder_of(found.name))
        if exclusive and artifacts.has(path):
            raise Refused("RESOURCE_CONFLICT", f"run `{run}` has an artifact `{path}` already")
        return artifacts.target(path)
    if kind not in {"datastores", "staged"}:
        raise Refused("PERMISSION_DENIED", f"what is registered cannot be changed: {place}")
    root, path = _root(call, kind, rest)
    target = target_in(root, path)
    if exclusive and target.exists():
        raise Refused("RESOURCE_CONFLICT", f"`{place}` exists already")
    return target


def removed(call: Call, place: str) -> None:
    kind, rest = _split(place)
    if kind != "runs":
        raise Refused("PERMISSION_DENIED", f"only a run's own artifacts can be deleted: {place}")
    run, path = _split(rest)
    found = call.workspace.runs.get(run)
    call.check_own(found)
    Artifacts(call.workspace.folder_of(found.name)).remove(path)


def incoming(call: Call) -> Path:
    """A folder on the file system of what is being written, for files that are not whole yet."""
    state = call.workspace.state_folder
    folder = call.workspace.folder_of(call.caller.run) if call.caller.run else state
    incoming = folder / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    return incoming


def datastore(call: Call, name: str) -> Path:
    """The folder that stands for a datastore."""
    if name in call.datastores:
        return call.datastores[name]
    if name == DEFAULT_DATASTORE:
        call.workspace.data_folder.mkdir(parents=True, exist_ok=True)
        return call.workspace.data_folder
    known = ", ".join(f"`{each}`" for each in sorted({DEFAULT_DATASTORE, *call.datastores}))
    raise missing(f"no datastore `{name}`: there is {known}; add it to `[datastores]`")


def staged(call: Call, id_: str) -> Path:
    if not _PART.fullmatch(id_):
        raise invalid(f"not the id of staged files: {id_}")
    return incoming(call) / id_


def _itself(file: Path, path: str) -> Path:
    """An asset that is one file: what lies beside it may be anything, and is not part of it."""
    if path in {"", file.name}:
        return file
    raise missing(f"there is no file `{path}`")


def _root(call: Call, kind: str, rest: str) -> tuple[Path, str]:
    name, rest = _split(rest)
    if kind in _ASSETS:
        version, path = _split(rest)
        found = call.workspace.assets.get(_ASSETS[kind], f"{name}:{version}")
        if found.path is None:
            raise missing(f"`{found.reference}` is not here, it is {found.uri}")
        return found.path, path
    roots: Mapping[str, Callable[[Call, str], Path]] = {"datastores": datastore, "staged": staged}
    if kind not in roots:
        raise missing(f"no such place: {kind}/{name}")
    return roots[kind](call, name), rest


def _split(place: str) -> tuple[str, str]:
    first, _, rest = place.partition("/")
    return first, rest
