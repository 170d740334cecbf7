"""What a registered version keeps: a copy of a file or folder, put in its place in one step."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from toolkit.errors import EmuError, NotFound
from toolkit.workspace.database import WorkspaceUnusable
from toolkit.workspace.model import AssetKind, NewAsset

_BLOCK: Final = 1 << 20
_STAGING: Final = ".staging-"
_STALE_SECONDS: Final = 86400


def folder_for(state: Path, kind: AssetKind, name: str, version: str) -> Path:
    """Where a version's own files are."""
    if kind == "model":
        return state / "models" / name / version
    return state / "assets" / kind / name / version


@contextmanager
def staged(state: Path, asset: NewAsset) -> Iterator[Path | None]:
    """A folder with the files that the version will own, gone afterwards unless it was moved.

    None if the version owns no file. Raises WorkspaceUnusable if there is no room.
    """
    if not asset.copied and not is_written(asset):
        yield None
        return
    _sweep(state)
    staging = state / "assets" / f"{_STAGING}{uuid.uuid4().hex}"
    try:
        try:
            _fill(staging, asset)
        except OSError as error:
            raise _problem(error, asset) from error
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def put_in_place(staging: Path, folder: Path) -> None:
    """Move it there. Whatever is there belongs to no version: a killed process left it."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging.replace(folder)
    except OSError as error:
        raise WorkspaceUnusable(
            f"the version's folder cannot be made: {folder}", details=str(error)
        ) from error


def is_written(asset: NewAsset) -> bool:
    """Whether its definition is a file of its own, for those who read such files."""
    return asset.kind in {"environment", "component"} and bool(asset.definition)


def definition_file(kind: AssetKind) -> str:
    return f"{kind}.yml"


def digest_of(asset: NewAsset, staging: Path | None) -> str:
    """Of what may not change in a version: its type and content, not what is said about it."""
    found = hashlib.sha256()
    where = "" if asset.path is None or asset.copied else str(asset.path.resolve())
    _add(found, asset.type, where, asset.uri, json.dumps(dict(asset.definition), sort_keys=True))
    if staging is not None and asset.copied:
        for path in sorted(staging.rglob("*")):
            _add(
                found, path.relative_to(staging).as_posix(), "file" if path.is_file() else "folder"
            )
            if path.is_file():
                _add_file(found, path)
    return found.hexdigest()


def _sweep(state: Path) -> None:
    """Remove what killed processes left; nobody copies for as long as that."""
    for staging in (state / "assets").glob(f"{_STAGING}*"):
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - staging.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(staging, ignore_errors=True)


def _fill(staging: Path, asset: NewAsset) -> None:
    staging.mkdir(parents=True)
    if is_written(asset):
        _write_definition(staging / definition_file(asset.kind), asset.definition)
    if not asset.copied or asset.path is None:
        return
    target = staging / (asset.path.resolve().name or asset.name)
    if asset.path.is_dir():
        shutil.copytree(asset.path, target)
    elif asset.path.exists():
        shutil.copy2(asset.path, target)
    else:
        raise NotFound(f"the {asset.kind}'s path is not there: {asset.path}", hint="check the path")


def _write_definition(path: Path, definition: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(dict(definition), indent=2) + "\n", "utf-8")


def _problem(error: OSError, asset: NewAsset) -> EmuError:
    # copytree tells of a full disk as a text in a list of texts
    full = error.errno in {errno.ENOSPC, errno.EDQUOT} or f"[Errno {errno.ENOSPC}]" in str(error)
    told = "no room for a copy of it" if full else "cannot be copied"
    return WorkspaceUnusable(
        f"the {asset.kind} `{asset.name}`: {told}: {asset.path}",
        details=str(error),
        hint="free disk space, for example by `aml-emu prune`" if full else "",
    )


def _add(found: hashlib._Hash, *texts: str) -> None:
    for text in texts:
        data = text.encode()
        found.update(len(data).to_bytes(8, "big") + data)


def _add_file(found: hashlib._Hash, path: Path) -> None:
    found.update(path.stat().st_size.to_bytes(8, "big"))
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
