"""Bringing what a job wrote to where it belongs, and keeping what can be kept."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from toolkit.live.room import FULL

Move = Callable[[Path, Path], None]


def collect(code: Path, run: Path, folders: Mapping[str, str], *, move: Move | None = None) -> str:
    """Move folders of the working directory into the run's folder, whatever became of the job.

    Returns what went wrong, empty if nothing did: all that could be moved has been.
    """
    move = move or _move
    problems: list[str] = []
    for source, target in folders.items():
        place = code / source
        if not place.is_dir() or place.is_symlink():
            continue
        for path in _entries(place):
            try:
                move(path, run / target / path.name)
            except OSError as error:
                reason = FULL.get(error.errno or 0, error.strerror or str(error))
                problems.append(f"{reason}: {path.relative_to(code)}")
    if not problems:
        return ""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"while collecting {', '.join(folders)}: {problems[0]}{more}"


def _entries(folder: Path) -> Iterator[Path]:
    yield from sorted(Path(entry.path) for entry in os.scandir(folder))


def _move(source: Path, target: Path) -> None:
    """Rename; what lies on another file system is copied. A folder that is there is added to."""
    if target.is_dir() and source.is_dir() and not source.is_symlink():
        for path in _entries(source):
            _move(path, target / path.name)
        return
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir()
        for path in _entries(source):
            _copy(path, target / path.name)
        return
    try:
        shutil.copy2(source, target, follow_symlinks=False)
    except OSError:
        target.unlink(missing_ok=True)  # half a file would be taken for a whole one
        raise
