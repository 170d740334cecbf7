"""What files contain, as a hash; asked again, only files that changed are read again."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from toolkit.errors import SpecError
from toolkit.live.snapshot import is_folder, snapshot_files

KIND: Final = "file-digest"
_BLOCK: Final = 1 << 20
_NOTHING: Final[Mapping[str, Path]] = MappingProxyType({})


class Notes(Protocol):
    """Where digests are kept from one command to the next: `workspace.documents`."""

    def find(self, kind: str, id_: str, /) -> Mapping[str, Any] | None: ...
    def put(self, kind: str, id_: str, body: Mapping[str, Any], /) -> None: ...


class Digests:
    """Digests of files and folders. May be asked from several threads."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._known: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def code(self, folder: Path | None, includes: Mapping[str, Path] = _NOTHING) -> str:
        """Of all files that a snapshot would hold; read once by each command."""
        beside = "".join(f" {name}={path}" for name, path in includes.items())
        key = f"code {folder or ''}{beside}"
        with self._lock:
            if key in self._known:
                return self._known[key][1]
        place = folder or next(iter(includes.values()))
        found = self._digest(key, place, lambda: _snapshot(folder, includes))
        with self._lock:
            self._known[key] = found
        return found[1]

    def data(self, path: Path) -> str:
        """Of a file or folder, whatever it is called and wherever it lies."""
        return self._digest(f"data {path}", path, lambda: _listed(path))[1]

    def _digest(
        self, key: str, path: Path, listed: Callable[[], Iterator[tuple[str, Path]]]
    ) -> tuple[str, str]:
        try:
            files = list(listed())
            marks = signature(iter(files))
            note = self._notes.find(KIND, key)
            if note is not None and note.get("signature") == marks:
                return marks, str(note["digest"])
            digest = content(iter(files))
        except OSError as error:
            raise SpecError(f"cannot be read: {path}", details=str(error)) from error
        self._notes.put(KIND, key, {"signature": marks, "digest": digest})
        return marks, digest


def signature(files: Iterator[tuple[str, Path]]) -> str:
    """Changes with names, sizes and times: cheap, and good enough to see that nothing happened."""
    marks = []
    for name, path in files:
        found = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
        marks.append((name, found.st_size, found.st_mtime_ns))
    return hashlib.sha256(json.dumps(sorted(marks)).encode()).hexdigest()


def content(files: Iterator[tuple[str, Path]]) -> str:
    """Changes with names and bytes only."""
    parts = sorted((name, _of_file(path)) for name, path in files)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def of_output(path: Path) -> tuple[str, str]:
    """Signature and digest of what a step wrote; nothing at all is a content too.

    Raises SpecError for what this user may not read.
    """
    try:
        files = list(_listed(path)) if path.exists() else []
        return signature(iter(files)), content(iter(files))
    except OSError as error:
        raise SpecError(f"cannot be read: {error.filename or path}", details=str(error)) from error


def signature_of(path: Path) -> str:
    return signature(_listed(path) if path.exists() else iter(()))


def _of_file(path: Path) -> str:
    if not path.is_file():  # a link that leads nowhere; a pipe, which nobody may ever write to
        return f"link to {path.readlink()}" if path.is_symlink() else "no file"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_BLOCK):
            digest.update(chunk)
    return digest.hexdigest()


def _snapshot(folder: Path | None, includes: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for found in snapshot_files(folder, includes):
        yield f"{found.packed}!{found.name}" if found.packed else str(found.name), found.path


def _listed(path: Path) -> Iterator[tuple[str, Path]]:
    """Files below a folder, by their names in it; of a file, itself without a name.

    A link to a folder is what lies there, as a step sees it; but not in circles.
    """
    if not path.is_dir():
        yield "", path
        return
    waiting = [(path, "", frozenset({os.path.realpath(path)}))]
    while waiting:
        folder, inside, above = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name, found = f"{inside}{entry.name}", Path(entry.path)
                if not is_folder(entry):
                    yield name, found
                elif (real := os.path.realpath(found)) not in above:
                    waiting.append((found, f"{name}/", above | {real}))
