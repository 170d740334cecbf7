"""The copy of a code folder that a run works on, so that an edit does not change it."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

import pathspec

from toolkit.errors import SpecError
from toolkit.live.room import FULL
from toolkit.settings import STATE_FOLDER
from toolkit.specs.ignore import ignore_file, ignore_rules
from toolkit.specs.includes import is_packed

LARGEST: Final = 300 << 20
MOST_FILES: Final = 2000
NO_LIMIT_VARIABLE: Final = "AML_SNAPSHOT_NO_FILE_LIMIT"
# never part of a snapshot: our own state, and what no job reads and git fills with thousands
_ALWAYS_LEFT_OUT: Final = frozenset({STATE_FOLDER, ".git", "__pycache__"})
_ADVICE: Final = "list what the job does not need in .amlignore"
_NOTHING: Final[Mapping[str, Path]] = MappingProxyType({})
Rules = tuple[pathspec.GitIgnoreSpec, PurePosixPath]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was copied."""

    files: int
    size: int


@dataclass(frozen=True)
class Found:
    """A file and its name in the snapshot; `packed` is the zip file in which it lies there."""

    name: PurePosixPath
    path: Path
    packed: str = ""


def take_snapshot(
    source: Path | None,
    target: Path,
    *,
    environ: Mapping[str, str],
    within: Path | None = None,
    includes: Mapping[str, Path] = _NOTHING,
) -> Snapshot:
    """Copy what `.amlignore`, else `.gitignore`, does not leave out.

    Raises SpecError, in the service's words, for a folder that is too big for it, before anything
    is copied. `within` is a folder that is not copied although it lies inside: where copies go.
    `includes` are files and folders from elsewhere, by their names in the snapshot.
    """
    found = list(snapshot_files(source, includes, within=within))
    try:
        size = sum(each.path.stat().st_size for each in found)
        if NO_LIMIT_VARIABLE not in environ:
            _check_limits(source or next(iter(includes.values())), size, len(found))
        _copy(found, target)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise SpecError(
            f"a file of the code cannot be copied: {error.filename or source}",
            details=str(error),
            hint=f"make it readable, or {_ADVICE}",
        ) from error
    return Snapshot(files=len(found), size=size)


def _copy(found: Sequence[Found], target: Path) -> None:
    made: set[Path] = set()
    for each in found:
        if each.packed:
            continue
        path = target / each.name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        try:
            shutil.copy2(each.path, path)
        except OSError as error:
            error.filename = error.filename or str(each.path)  # not every system call tells
            raise
    for name in dict.fromkeys(each.packed for each in found if each.packed):
        _pack(target / name, [each for each in found if each.packed == name])


def snapshot_files(
    source: Path | None, includes: Mapping[str, Path], *, within: Path | None = None
) -> Iterator[Found]:
    """All files of a snapshot; the code folder's rules hold for what is put into it, too."""
    rules: list[Rules] = []
    if source is not None:
        rules = [(ignore_rules(source), PurePosixPath())]
        yield from _listed(source, PurePosixPath(), rules, within)
    for name, included in includes.items():
        packed = name if is_packed(name, included) else ""
        if included.is_file():
            yield Found(PurePosixPath(name), included)
            continue
        inside = PurePosixPath(included.name)
        own = (ignore_rules(included), inside)
        for each in _listed(included, inside, [*rules, own], within):
            yield Found(each.name, each.path, packed)


def _pack(target: Path, found: Sequence[Found]) -> None:
    """A zip file with the folder itself in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as packed:
        for each in found:
            packed.write(each.path, str(each.name))


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


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Or a link to one; a link to itself is neither a folder nor a file."""
    return Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()


def _listed(
    source: Path, name: PurePosixPath, rules: Sequence[Rules], within: Path | None
) -> Iterator[Found]:
    """The files to be copied; links are followed, as the SDK does, but not in circles."""
    waiting = [(str(source), name, frozenset({os.path.realpath(source)}))]
    while waiting:
        folder, inside, above = waiting.pop()
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            if entry.name in _ALWAYS_LEFT_OUT:
                continue
            path = inside / entry.name
            if is_folder(entry):
                real = os.path.realpath(entry.path)
                circular = real in above or (within and real == str(within))
                if not circular and not _ignored(rules, path, "/"):
                    waiting.append((entry.path, path, above | {real}))
            elif Path(entry.path).is_file() and not _ignored(rules, path):
                yield Found(path, Path(entry.path))


def _ignored(rules: Sequence[Rules], path: PurePosixPath, end: str = "") -> bool:
    return any(each.match_file(f"{path.relative_to(root)}{end}") for each, root in rules)
