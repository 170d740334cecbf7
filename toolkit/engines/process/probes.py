"""What the Pythons of this machine said of themselves, kept as long as their files are the same."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_KEPT: Final = "pythons.json"


class Probes:
    """Answers by the path of a Python. A cache that cannot be written keeps none."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / _KEPT

    def get(self, python: Path) -> list[str] | None:
        kept = self._all().get(str(python))
        return kept["said"] if kept and kept["file"] == _identity(python) else None

    def keep(self, python: Path, said: list[str]) -> None:
        everything = {**self._all(), str(python): {"file": _identity(python), "said": said}}
        scratch = self._file.with_name(f"{_KEPT}.{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(everything), "utf-8")
            scratch.replace(self._file)

    def _all(self) -> dict[str, dict[str, list[str]]]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _identity(python: Path) -> list[str]:
    """Changes when another file takes its place."""
    try:
        found = python.stat()
    except OSError:  # a link to nothing
        return []
    numbers = (found.st_ino, found.st_size, found.st_mtime_ns)
    return [os.path.realpath(python), *map(str, numbers)]
