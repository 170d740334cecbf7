"""The copy of a code folder that a run works on, so that an edit does not change it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pathspec

from toolkit.errors import SpecError
from toolkit.settings import STATE_FOLDER
from toolkit.specs.ignore import ignore_file, ignore_rules

LARGEST: Final = 300 << 20
MOST_FILES: Final = 2000
NO_LIMIT_VARIABLE: Final = "AML_SNAPSHOT_NO_FILE_LIMIT"
# never part of a snapshot: our own state, and what no job reads and git fills with thousands
_ALWAYS_LEFT_OUT: Final = frozenset({STATE_FOLDER, ".git", "__pycache__"})
_ADVICE: Final = "list what the job does not need in .amlignore"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was copied."""

    files: int
    size: int


def take_snapshot(
    source: Path, target: Path, *, environ: Mapping[str, str], within: Path | None = None
) -> Snapshot:
    """Copy what `.amlignore`, else `.gitignore`, does not leave out.

    Raises SpecError, in the service's words, for a folder that is too big for it, before anything
    is copied. `within` is a folder that is not copied although it lies inside: where copies go.
    """
    found = list(_listed(source, within))
    size = sum(entry.stat().st_size for entry in found)
    if NO_LIMIT_VARIABLE not in environ:
        _check_limits(source, size, len(found))
    made: set[Path] = set()
    for entry in found:
        path = target / Path(entry.path).relative_to(source)
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        shutil.copy2(entry.path, path)
    return Snapshot(files=len(found), size=size)


def _check_limits(source: Path, size: int, count: int) -> None:
    taking = f"While attempting to take snapshot of {source} "
    if size > LARGEST:
        raise SpecError(
            f"{taking}Your total snapshot size exceeds the limit of {LARGEST / (1 << 20)} MB",
            details=f"it has {size / (1 << 20):.1f} MB in {count} files",
            hint=f"{_ADVICE} (rules now: {_rules_of(source)}), or set {NO_LIMIT_VARIABLE}",
        )
    if count > MOST_FILES:
        raise SpecError(
            f"{taking}Your snapshot exceeds the limit of {MOST_FILES} files",
            details=f"it has {count} files",
            hint=f"{_ADVICE} (rules now: {_rules_of(source)}), or set {NO_LIMIT_VARIABLE}",
        )


def _rules_of(source: Path) -> str:
    file = ignore_file(source)
    return file.name if file else "none"


def _listed(source: Path, within: Path | None) -> Iterator[os.DirEntry[str]]:
    """The files to be copied; links are followed, as the SDK does, but not in circles."""
    rules = ignore_rules(source)
    waiting = [(str(source), PurePosixPath(), frozenset({os.path.realpath(source)}))]
    while waiting:
        folder, inside, above = waiting.pop()
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            if entry.name in _ALWAYS_LEFT_OUT:
                continue
            path = inside / entry.name
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                circular = real in above or (within and real == str(within))
                if not circular and not _ignored(rules, f"{path}/"):
                    waiting.append((entry.path, path, above | {real}))
            elif entry.is_file() and not _ignored(rules, str(path)):
                yield entry


def _ignored(rules: pathspec.GitIgnoreSpec, path: str) -> bool:
    return bool(rules.match_file(path))
