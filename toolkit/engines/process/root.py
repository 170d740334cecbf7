"""Writing the inside of a launch to disk, and its paths where nothing can be mounted."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.engines.base import LONG_AGO
from toolkit.engines.process.images import write_placed
from toolkit.engines.process.interior import PROGRAMS, Interior, host_links
from toolkit.errors import EngineUnavailable

INSIDE: Final = Path(__file__).parent / "inside"
_RUNIT: Final = ("runsvdir", "runsv", "sv")
_SHARED: Final = {PurePosixPath("/"), PurePosixPath("/tmp"), PurePosixPath("/var/tmp")}  # noqa: S108  # paths inside
_HOST_SYSTEM: Final = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "sys")


def write_root(interior: Interior, root: Path, *, python: str, programs_inside: object) -> None:
    """Everything of the inside that is not mounted.

    `python` runs our own programs, which are seen at `programs_inside` from in there.
    """
    refuse_system_files(interior)
    for folder in interior.folders:
        _inside(root, folder).mkdir(parents=True, exist_ok=True)
        _inside(root, folder).chmod(0o777)
    for file in interior.files:
        write_placed(file, _inside(root, file.path))
    programs = _inside(root, PROGRAMS)
    (programs / "bin").mkdir(parents=True)
    for name in _RUNIT:
        program = programs / "bin" / name
        program.write_text(
            f"#!/bin/sh\nexec {shlex.join(own_program(python, 'runit', programs_inside, name))}"
            ' "$@"\n',
            "utf-8",
        )
        program.chmod(0o755)
    for folder in {folder for file in interior.files for folder in file.path.parents}:
        os.utime(_inside(root, folder), (LONG_AGO, LONG_AGO))


def own_program(python: str, name: str, place: object, *arguments: str) -> list[str]:
    """The command that runs a module of `inside`, where `place` is the folder that holds it.

    The Python sees its standard library and that folder, and nothing of the user's.
    """
    boot = f"import sys; sys.path.append(sys.argv.pop(1)); from inside.{name} import main; "
    return [python, "-I", "-S", "-c", f"{boot}main(*sys.argv[1:])", str(place), *arguments]


def write_links(interior: Interior, root: Path) -> None:
    """The links of a sandbox, where the same paths hold as in the plan."""
    for link, target in (*host_links(), *interior.links.items()):
        place = _inside(root, link)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def refuse_system_files(interior: Interior) -> None:
    """Raises EngineUnavailable for files that would have to be put into the host's own system."""
    for file in interior.files:
        if file.path.parts[1] in _HOST_SYSTEM:
            raise EngineUnavailable(
                f"the process engine cannot put files into the host's system: {file.path}",
                hint="use `--engine docker`",
            )


def host_paths(interior: Interior, root: Path) -> dict[str, str]:
    """The plan's paths and what they are on the host, for processes without a root of their own.

    A mounted folder is its source. What lies within another mounted folder cannot be shown there:
    it, and the folders that lead to it, stand in the launch's own root.
    """
    targets = {bind.target: bind.source for bind in interior.binds}
    own = {*interior.folders, *(file.path for file in interior.files), PROGRAMS} - _SHARED
    found = {path: _inside(root, path) for path in (*own, *_leading(targets))}
    found |= targets
    found |= {
        link: found.get(target, _inside(root, target)) for link, target in interior.links.items()
    }
    return {str(path): str(place) for path, place in found.items()}


def write_plain_links(interior: Interior, root: Path) -> None:
    """Lead from the launch's root to what would be mounted there, where nothing is in between.

    What is read only and lies within another mounted folder, as models do, has folders of its own,
    and links for its files alone: `Path.rglob` and `os.walk` do not look into linked folders.
    """
    leading = _leading(bind.target for bind in interior.binds)
    for bind in interior.binds:
        place = _inside(root, bind.target)
        if bind.target not in leading and not place.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            if bind.read_only and bind.target.parent in leading:
                _show(bind.source, place)
            else:
                place.symlink_to(bind.source)


def _show(source: Path, place: Path) -> None:
    if source.is_symlink() or not source.is_dir():
        place.symlink_to(source)
        return
    place.mkdir()
    for each in source.iterdir():
        _show(each, place / each.name)


def exchanged(text: str, paths: Mapping[str, str]) -> str:
    """A variable or an argument with the paths in it exchanged, the longest that fits."""
    if not paths:
        return text
    known = "|".join(map(re.escape, sorted(paths, key=len, reverse=True)))
    return re.sub(rf"(?<![\w./-])(?:{known})(?![\w.-])", lambda found: paths[found[0]], text)


def _leading(targets: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    """Folders on the way from something mounted to something mounted within it."""
    targets = set(targets)
    return {
        between
        for target in targets
        for between in target.parents
        if any(outer in targets for outer in (between, *between.parents))
    }


def _inside(root: Path, path: PurePosixPath) -> Path:
    return root / path.relative_to("/")
