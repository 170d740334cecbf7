"""The files of a run as one list: what was logged as an artifact, and what the run left itself.

Azure ML shows `outputs/`, the logs and logged artifacts under one root. What a client logs is
kept apart, in `artifacts/`, so that it cannot collide with a script's own `./outputs`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.live.tracking.failures import invalid, missing
from toolkit.workspace.runs import SHOWN_FOLDERS

LOGGED: Final = "artifacts"


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """A file or folder directly under the one that was asked for; `path` is from the root."""

    path: str
    is_folder: bool
    size: int = 0


class Artifacts:
    """What lies in one run's folder. No link is shown that leads out of its folder, or to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, path: str) -> Path:
        """The file or folder of that name; Refused if there is none."""
        for found in self._places(_inside(path)):
            return found
        raise missing(f"the run has no artifact `{path}`")

    def has(self, path: str) -> bool:
        return any(place.is_file() for place in self._places(_inside(path)))

    def target(self, path: str) -> Path:
        """Where a new artifact of that name goes; its folder exists afterwards."""
        return target_in(self._folder / LOGGED, path)

    def entries(self, path: str = "") -> list[Entry]:
        """What is directly in a folder; of a file itself, and of what is not there, nothing."""
        relative = _inside(path)
        found: dict[str, Entry] = {}
        for folder in self._places(relative):
            for entry in _children(folder, relative):
                found.setdefault(entry.path, entry)
        if not relative.parts:
            for name in SHOWN_FOLDERS:
                if any((self._folder / name).glob("*")):
                    found.setdefault(name, Entry(path=name, is_folder=True))
        return sorted(found.values())

    def files(self, path: str = "") -> Iterator[str]:
        """The names of all files under a path, depth first."""
        for entry in self.entries(path):
            if entry.is_folder:
                yield from self.files(entry.path)
            else:
                yield entry.path

    def remove(self, path: str) -> None:
        """Remove one logged file; what the run left itself stays."""
        target = self._folder / LOGGED / _inside(path)
        if not target.is_file():
            raise missing(f"the run has no logged artifact `{path}`")
        target.unlink()

    def _places(self, relative: PurePosixPath) -> Iterator[Path]:
        roots = [self._folder / LOGGED]
        if relative.parts and relative.parts[0] in SHOWN_FOLDERS:
            roots.append(self._folder)
        for root in roots:
            place = root / relative
            if place.exists() and place.resolve().is_relative_to(root.resolve()):
                yield place


def find_in(root: Path, path: str) -> Path:
    """The file of that name in a folder that is an asset; `path` may be empty for itself."""
    place = root / _inside(path)
    if place.exists() and place.resolve().is_relative_to(root.resolve()):
        return place
    raise missing(f"there is no file `{path}`")


def target_in(root: Path, path: str) -> Path:
    """Where a new file of that name goes in a folder; its own folder exists afterwards."""
    relative = _inside(path)
    if not relative.parts:
        raise invalid("a file needs a name")
    target = root / relative
    # before anything is made: a folder could be made through a link that leads out
    if not target.resolve().is_relative_to(root.resolve()):
        raise invalid(f"the path leads out of its folder: {path}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise invalid(f"a file stands where `{path}` needs a folder") from error
    if target.is_dir():
        raise invalid(f"`{path}` is a folder")
    return target


def entries_in(root: Path, path: str) -> list[Entry]:
    """What is directly in a folder of an asset."""
    return sorted(_children(find_in(root, path), _inside(path)))


def files_in(root: Path) -> list[tuple[str, int]]:
    """Names and sizes of all files of an asset; a file is named by its last part."""
    if root.is_file():
        return [(root.name, root.stat().st_size)]
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return [(path.relative_to(root).as_posix(), path.stat().st_size) for path in paths]


def _children(folder: Path, relative: PurePosixPath) -> Iterator[Entry]:
    if not folder.is_dir():
        return
    root = folder.resolve()
    with os.scandir(folder) as scan:
        for child in scan:
            if child.is_symlink():
                leads_to = Path(child.path).resolve()
                if leads_to == root or not leads_to.is_relative_to(root):
                    continue
            if not child.is_dir() and not child.is_file():
                continue
            size = 0 if child.is_dir() else child.stat().st_size
            path = (relative / child.name).as_posix()
            yield Entry(path=path, is_folder=child.is_dir(), size=size)


def _inside(path: str) -> PurePosixPath:
    """A relative path without `..`; Refused for all else."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\0" in path or "\\" in path:
        raise invalid(f"not a path inside a run: {path}")
    return relative


def check_no_way_out(root: Path) -> None:
    """Refused if a symbolic link under it leads elsewhere: copying would follow it."""
    inside = root.resolve()
    for path in root.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise invalid(f"a symbolic link leads out of the model: {path.relative_to(root)}")
