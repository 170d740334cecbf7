"""What files contain, as a hash; asked again, only files that changed are read again."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pathspec

from toolkit.errors import SpecError
from toolkit.specs.ignore import ignore_rules

KIND: Final = "file-digest"
_NEVER: Final = frozenset({".git", "__pycache__", ".aml-emu"})
_BLOCK: Final = 1 << 20


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

    def code(self, folder: Path) -> str:
        """Of all files that a snapshot of the folder would hold; read once by each command."""
        key = f"code {folder}"
        with self._lock:
            if key in self._known:
                return self._known[key][1]
        rules = ignore_rules(folder)
        found = self._digest(key, folder, lambda: _listed(folder, rules))
        with self._lock:
            self._known[key] = found
        return found[1]

    def data(self, path: Path) -> str:
        """Of a file or folder, whatever it is called and wherever it lies."""
        return self._digest(f"data {path}", path, lambda: _listed(path, None))[1]

    def told(self, path: Path, digest: str) -> None:
        """Keep a digest that was made when the file was written."""
        found = signature(_listed(path, None))
        self._notes.put(KIND, f"data {path}", {"signature": found, "digest": digest})

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
        found = path.stat()
        marks.append((name, found.st_size, found.st_mtime_ns))
    return hashlib.sha256(json.dumps(sorted(marks)).encode()).hexdigest()


def content(files: Iterator[tuple[str, Path]]) -> str:
    """Changes with names and bytes only."""
    parts = sorted((name, _of_file(path)) for name, path in files)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def of_output(path: Path) -> tuple[str, str]:
    """Signature and digest of what a step wrote; nothing at all is a content too."""
    files = list(_listed(path, None)) if path.exists() else []
    return signature(iter(files)), content(iter(files))


def signature_of(path: Path) -> str:
    return signature(_listed(path, None) if path.exists() else iter(()))


def _of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_BLOCK):
            digest.update(chunk)
    return digest.hexdigest()


def _listed(path: Path, rules: pathspec.GitIgnoreSpec | None) -> Iterator[tuple[str, Path]]:
    """Files below a folder, by their names in it; of a file, itself without a name."""
    if not path.is_dir():
        yield "", path
        return
    for folder, folders, files in os.walk(path):
        inside = os.path.relpath(folder, path)
        if rules is not None:
            folders[:] = [
                name
                for name in folders
                if name not in _NEVER and not rules.match_file(_joined(inside, name) + "/")
            ]
        for name in files:
            relative = _joined(inside, name)
            if rules is None or not rules.match_file(relative):
                yield relative, Path(folder, name)


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
