"""Scripts of the v1 SDK under `aml-emu python`: their output as it comes, and their ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.fakes import wait_for
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace


class Script:
    """`with Script(folder, "script.py", engine="process") as script:` ends what it started."""

    def __init__(self, folder: Path, *arguments: str, engine: str) -> None:
        self.folder = folder
        self._argv = ["python", "--engine", engine, *arguments]
        self._said: list[str] = []

    @property
    def said(self) -> str:
        return "".join(self._said)

    def says(self, text: str, *, seconds: float = 300) -> None:
        """Wait for it."""
        over = f"it never said `{text}`"
        assert wait_for(
            lambda: text in self.said or self._process.poll() is not None, timeout=seconds
        ), f"{over}:\n{self.said}"
        self._thread.join(0 if self._process.poll() is None else 20)
        assert text in self.said, f"{over}:\n{self.said}"

    def ends(self, code: int = 0, *, seconds: float = 120) -> None:
        assert self._process.wait(seconds) == code, self.said

    def interrupt(self, number: int) -> None:
        self._process.send_signal(number)

    def runs(self) -> list[Run]:
        with Workspace.open(self.folder / ".aml-emu") as workspace:
            return workspace.runs.list()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "toolkit.cli", *self._argv],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        self._thread.join(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
