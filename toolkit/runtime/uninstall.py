"""Take packages out of the environment whose Python runs this: what their RECORD lists."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import List, Set


def uninstall(name: str) -> None:
    """Remove one package; one that is not there is no error."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    if found.files is None:
        raise SystemExit(f"no list of files, so it cannot be removed: {name}")
    folders: Set[str] = set()
    for path in _paths(found):
        with contextlib.suppress(FileNotFoundError):  # what an installer lists and never wrote
            os.unlink(path)
        folders.add(os.path.dirname(path))
    root = str(found.locate_file(""))
    for folder in sorted(folders, key=len, reverse=True):
        _remove_empty(folder, os.path.realpath(root))


def _paths(found: Distribution) -> List[str]:
    """Where they are; one that is a link is the link, whose target is somebody else's."""
    paths = (os.path.split(str(found.locate_file(file))) for file in found.files or [])
    return [os.path.join(os.path.realpath(folder), name) for folder, name in paths]


def _remove_empty(folder: str, root: str) -> None:
    """Remove a folder and its parents as long as they are empty, and below the packages' own."""
    while folder.startswith(root + os.sep):
        try:
            os.rmdir(folder)
        except OSError:
            return  # not empty, or gone already
        folder = os.path.dirname(folder)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        uninstall(each)
