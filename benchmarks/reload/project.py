"""The code under test: a copy of the example whose answer tells which version of it ran."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "sklearn"
APPS = Path(__file__).parent / "apps"

_ANSWER = 'return {"species"'
_MARK = "SPECIES = ["


class Project:
    """A folder with score.py, saved again and again as an editor does."""

    def __init__(self, folder: Path, *, python: str = "3.11") -> None:
        self.folder = folder / "project"
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        for app in APPS.glob("*.py"):
            shutil.copy(app, self.folder)
        environment = self.folder / "env.yml"
        text = environment.read_text()
        assert "python=3.11" in text, "the example has changed"
        environment.write_text(text.replace("python=3.11", f"python={python}"))
        self.script = self.folder / "score.py"
        self._text = self.script.read_text()
        assert self._text.count(_ANSWER) == self._text.count(_MARK) == 1, "the example has changed"
        self.version = 0
        self.save()

    @property
    def request(self) -> bytes:
        return (self.folder / "sample-request.json").read_bytes()

    @property
    def run_line(self) -> int:
        """A line of run(), the same in every version."""
        lines = self.script.read_text().splitlines()
        return next(n for n, line in enumerate(lines, 1) if "predicted = " in line)

    def save(self) -> int:
        """The next version: in place, or written beside and renamed, turn by turn."""
        self.version += 1
        # the size changes too: bytecode is told apart by whole seconds and by size
        mark = f"VERSION = {self.version}  # {'x' * (self.version % 89)}\n{_MARK}"
        text = self._text.replace(_MARK, mark).replace(
            _ANSWER, 'return {"version": VERSION, "species"'
        )
        if self.version % 2:
            self.script.write_text(text)
        else:
            scratch = self.script.with_suffix(".py.new")
            scratch.write_text(text)
            os.replace(scratch, self.script)  # noqa: PTH105  # the call that editors make
        return self.version
