"""What stands for images: a record of an environment and of the files around it, with its names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote, unquote

from toolkit.engines.process.cachefolder import UNFINISHED, locked, remove, writing
from toolkit.plans.model import Contents, PlacedFile

_RECORD: Final = "image.json"
_DIGEST: Final = "sha256:"


@dataclass(frozen=True, kw_only=True)
class ProcessImage:
    """An environment on disk, and what belongs around it inside a launch.

    `python` are the folders that the environment's Python needs beside its own.
    """

    id: str
    labels: Mapping[str, str]
    size: int
    environment: Path
    debugger: Path
    python: tuple[Path, ...]
    contents: Contents

    @property
    def is_whole(self) -> bool:
        """Whether the folders are still there."""
        return self.environment.is_dir() and self.debugger.is_dir()


@dataclass(frozen=True, kw_only=True)
class Images:
    """The folders `images` (by content) and `tags` (by name) of the cache."""

    cache: Path

    def find(self, name: str) -> ProcessImage | None:
        """The image of that name; None if it is not there, or not whole any more."""
        try:
            digest = self._tag(name).read_text("ascii").strip()
            return self.get(digest)
        except FileNotFoundError:
            return None

    def get(self, digest: str) -> ProcessImage | None:
        folder = self._folder(digest)
        try:
            record = json.loads((folder / _RECORD).read_text("utf-8"))
        except FileNotFoundError:
            return None
        image = _read(record, digest, folder / "files")
        return image if image.is_whole else None

    def tagged(self) -> Iterable[tuple[str, ProcessImage]]:
        """Every name and its image."""
        for tag in sorted((self.cache / "tags").glob("*")):
            if tag.name[0] != "." and (name := unquote(tag.name)) and (image := self.find(name)):
                yield name, image

    def keep(
        self,
        digest: str,
        contents: Contents,
        *,
        labels: Mapping[str, str],
        environment: Path,
        debugger: Path,
        python: Iterable[Path],
    ) -> None:
        """Write an image's record and files, unless another process just did the same."""
        folder = self._folder(digest)
        scratch = folder.with_name(f"{UNFINISHED}{os.urandom(4).hex()}")
        record = {
            **_described(contents),
            "labels": dict(labels),
            "size": sum(_size(part) for part in (environment, debugger)),
            "environment": str(environment),
            "debugger": str(debugger),
            "python_folders": [str(each) for each in python],
        }
        with writing(self.cache):
            for file in contents.files:
                write_placed(file, scratch / "files" / file.path.relative_to("/"))
            scratch.mkdir(parents=True, exist_ok=True)
            (scratch / _RECORD).write_text(json.dumps(record), "utf-8")
            with locked(self.cache / "images.lock"):
                kept = self.get(digest)
                if kept and kept.environment == environment:
                    remove(scratch)
                    return
                remove(folder)
                scratch.rename(folder)

    def name(self, digest: str, names: Iterable[str]) -> None:
        with writing(self.cache):
            for name in names:
                tag = self._tag(name)
                tag.parent.mkdir(parents=True, exist_ok=True)
                scratch = tag.with_name(f".{os.urandom(4).hex()}")
                scratch.write_text(f"{digest}\n", "ascii")
                scratch.replace(tag)

    def forget(self, names: Iterable[str], digests: Iterable[str]) -> None:
        """Remove names and records; the environments they speak of stay."""
        for name in names:
            self._tag(name).unlink(missing_ok=True)
        for digest in digests:
            remove(self._folder(digest))

    def made_at(self, digest: str) -> float:
        """When the record was written."""
        return (self._folder(digest) / _RECORD).stat().st_mtime

    def _folder(self, digest: str) -> Path:
        return self.cache / "images" / digest.removeprefix(_DIGEST)

    def _tag(self, name: str) -> Path:
        full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        return self.cache / "tags" / quote(full, safe="")


def write_placed(file: PlacedFile, target: Path) -> None:
    """Put a file of a plan where it belongs, with its mode.

    A copy is as old as what it is copied from: the bytecode kept for an image's modules holds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(file.content, bytes):
        target.write_bytes(file.content)
    else:
        target.write_bytes(file.content.read_bytes())
        found = file.content.stat()
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    target.chmod(file.mode)


def _described(contents: Contents) -> dict[str, Any]:
    return {
        "prefix": str(contents.prefix),
        "python": contents.python,
        "lock": contents.lock,
        "debugpy": str(contents.debugpy),
        "debugpy_version": contents.debugpy_version,
        "env": dict(contents.env),
        "paths_first": {name: str(path) for name, path in contents.paths_first.items()},
        "files": [[str(file.path), file.mode] for file in contents.files],
        "folders": [str(folder) for folder in contents.folders],
        "links": {str(link): str(target) for link, target in contents.links.items()},
        "command": list(contents.command),
        "working_dir": str(contents.working_dir),
    }


def _read(record: Mapping[str, Any], digest: str, files: Path) -> ProcessImage:
    contents = Contents(
        prefix=PurePosixPath(record["prefix"]),
        python=record["python"],
        lock=record["lock"],
        debugpy=PurePosixPath(record["debugpy"]),
        debugpy_version=record["debugpy_version"],
        env=record["env"],
        paths_first={name: PurePosixPath(path) for name, path in record["paths_first"].items()},
        files=tuple(
            PlacedFile(path=PurePosixPath(path), content=files / path.lstrip("/"), mode=mode)
            for path, mode in record["files"]
        ),
        folders=tuple(map(PurePosixPath, record["folders"])),
        links={PurePosixPath(a): PurePosixPath(b) for a, b in record["links"].items()},
        command=tuple(record["command"]),
        working_dir=PurePosixPath(record["working_dir"]),
    )
    return ProcessImage(
        id=digest,
        labels=record["labels"],
        size=record["size"],
        environment=Path(record["environment"]),
        debugger=Path(record["debugger"]),
        python=tuple(map(Path, record["python_folders"])),
        contents=contents,
    )


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        total += sum(os.lstat(f"{place}/{name}").st_size for name in names)
    return total
