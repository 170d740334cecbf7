"""What was found safe to preload, kept beside the image's bytecode: the next start needs no trial.

A verdict counts for the same imports, packages, interpreter and model files only.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .contract import Contract

Findings = Dict[str, Any]

FOLDER = "aml-emu-preload"
MOST_MODEL_FILES = 1000


class Remembered:
    """The findings for one set of imports; nothing is kept where no cache is mounted."""

    def __init__(
        self, contract: Contract, *, wanted: Dict[str, List[str]], python: str, path: Sequence[str]
    ) -> None:
        self._path = ""
        if contract.cache:
            packages = sorted(_packages(path))
            models = sorted(_model_files(contract.model_folder))
            about = json.dumps([wanted, python, packages, models], sort_keys=True)
            name = hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            self._path = os.path.join(contract.cache, FOLDER, name + ".json")

    def take(self) -> Optional[Findings]:
        """The findings, which are gone until `keep`: a start that dies of them is not repeated."""
        if not self._path:
            return None
        taken = f"{self._path}.{os.getpid()}"
        try:
            os.replace(self._path, taken)
            with open(taken, encoding="utf-8") as file:
                findings: Findings = json.load(file)
            os.unlink(taken)
        except (OSError, ValueError):
            return None
        return findings if {"modules", "left_out"} <= set(findings) else None

    def keep(self, findings: Findings) -> None:
        """Remember them; a cache that cannot be written to costs time only."""
        if not self._path:
            return
        scratch = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(scratch, "w", encoding="utf-8") as file:
                json.dump(findings, file)
            os.replace(scratch, self._path)
        except OSError as error:
            sys.stderr.write(f"aml-emu: cannot remember what to preload: {error}\n")


def _packages(path: Sequence[str]) -> Iterator[Tuple[str, str]]:
    """What is installed, by name and version."""
    for folder in path:
        if folder.endswith("-packages") and os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.endswith((".dist-info", ".egg-info")):
                    yield folder, name


def _model_files(folder: str) -> Iterator[Tuple[str, int]]:
    """A pickled model imports what its text does not name."""
    found = 0
    for root, _, names in os.walk(folder) if folder else ():
        for name in names:
            path = os.path.join(root, name)
            found += 1
            if found > MOST_MODEL_FILES:
                return
            try:
                yield os.path.relpath(path, folder), os.stat(path).st_size
            except OSError:
                continue  # a link to nowhere, or gone
