"""The build context as a tar stream: the same files give the same bytes, and none is held whole."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from toolkit.errors import SpecError
from toolkit.plans.model import PlacedFile

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 18
_FOLDER_MODE = 0o755
# Small files travel together: each piece of the stream costs a write and a chunk header.
_GATHERED = 1 << 16


def context_of(files: Iterable[PlacedFile]) -> Callable[[], Iterator[bytes]]:
    """A context for a build request; what is wrong with the files is said here, not on upload."""
    checked = _in_order(files)
    return lambda: _gathered(_archive(checked))


def member(name: str, content: bytes, *, mode: int = 0o644) -> bytes:
    """One file as it stands in a tar stream; put before an archive it becomes part of it."""
    return _header(name, size=len(content), mode=mode) + content + _padding(len(content))


def _in_order(files: Iterable[PlacedFile]) -> tuple[PlacedFile, ...]:
    by_path: dict[PurePosixPath, PlacedFile] = {}
    for file in files:
        if file.path.is_absolute() or ".." in file.path.parts or not file.path.parts:
            raise SpecError(f"path leads out of the build context: `{file.path}`")
        if file.path in by_path:
            raise SpecError(f"build context has two files of one path: `{file.path}`")
        by_path[file.path] = file
    if clash := _folders(by_path) & by_path.keys():
        raise SpecError(f"build context has a file and a folder of one path: `{min(clash)}`")
    return tuple(by_path[path] for path in sorted(by_path))


def _folders(paths: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    return {folder for path in paths for folder in path.parents if folder.parts}


def _archive(files: tuple[PlacedFile, ...]) -> Iterator[bytes]:
    for folder in sorted(_folders(file.path for file in files)):
        yield _header(f"{folder}/", size=0, mode=_FOLDER_MODE, kind=tarfile.DIRTYPE)
    for file in files:
        if isinstance(file.content, bytes):
            yield member(str(file.path), file.content, mode=file.mode)
        else:
            yield from _streamed(file.path, file.content, file.mode)
    yield bytes(2 * _BLOCK)


def _streamed(path: PurePosixPath, source: Path, mode: int) -> Iterator[bytes]:
    """A file from the disk. Its size stands before it, so it must not change while it is read."""
    with source.open("rb") as file:
        size = source.stat().st_size
        yield _header(str(path), size=size, mode=mode)
        left = size
        while left and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
        if left or file.read(1):
            raise SpecError(f"file changed while the build read it: `{source}`")
        yield _padding(size)


def _header(name: str, *, size: int, mode: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar header with no owner, no time: what is not content must not miss the cache."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.mtime = kind, size, mode, 0
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _GATHERED:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
