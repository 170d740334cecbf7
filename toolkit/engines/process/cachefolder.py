"""Working in a folder that several processes share: locks, whole files only, named failures."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from toolkit.errors import EngineUnavailable

UNFINISHED: Final = ".new-"  # begins the name of what is not whole yet

_REASONS: Final = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "is full (quota)",
    errno.EROFS: "is read-only",
    errno.EACCES: "cannot be written",
    errno.EPERM: "cannot be written",
    errno.ENOTDIR: "cannot be made: a file is in the way",
    errno.EEXIST: "cannot be made: a file is in the way",
}
_HINT: Final = "make room there, or set XDG_CACHE_HOME to another folder"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Failures of the file system, told as what is wrong with the cache folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        raise EngineUnavailable(
            f"the cache folder {_REASONS[error.errno]}: {folder}", details=str(error), hint=_HINT
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, waiting for whoever has it."""
    file = open_lock(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock at `path` if nobody has it; says whether."""
    file = open_lock(path)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


def open_lock(path: Path) -> int:
    """The lock's file, not held yet."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at `path`."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def remove(folder: Path) -> None:
    """Delete a folder and all in it, by name first, so that nobody takes it for a whole one."""
    grave = folder.with_name(f"{UNFINISHED}gone-{os.urandom(4).hex()}")
    try:
        folder.rename(grave)
    except FileNotFoundError:
        return
    shutil.rmtree(grave, onerror=_unlock_and_retry)


def _unlock_and_retry(function: object, path: str, error: tuple[object, object, object]) -> None:
    """A folder that the user's code made read-only is still ours to delete."""
    if isinstance(error[1], FileNotFoundError):
        return  # somebody else deletes it too
    for folder in (Path(path).parent, Path(path)):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)
    if callable(function):
        function(path)
