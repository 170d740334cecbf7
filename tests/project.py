"""A user's project in a test: a folder written from a dict, and the real command run in it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Union

# nested folders; text is dedented, bytes are written as they are
Tree = Mapping[str, Union[str, bytes, "Tree"]]


def write_tree(folder: Path, tree: Tree) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = folder / name
        if isinstance(content, Mapping):
            write_tree(path, content)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
        path.write_bytes(text.removeprefix(b"\n") if isinstance(content, str) else text)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended. `out` is for programs, `err` for people."""

    exit_code: int
    out: str
    err: str

    def assert_success(self) -> Outcome:
        assert self.exit_code == 0, self._told()
        return self

    def assert_failed(self, code: int) -> Outcome:
        assert self.exit_code == code, self._told()
        return self

    def _told(self) -> str:
        return f"exit code {self.exit_code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


@dataclass(frozen=True)
class Project:
    """A folder that a user would work in."""

    path: Path

    def run(
        self, *arguments: str, timeout: float = 600, environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """`aml-emu <arguments>` in this folder, as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "toolkit.cli", *arguments],
            cwd=self.path,
            env={**os.environ, "NO_COLOR": "1", **(environ or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(exit_code=done.returncode, out=done.stdout, err=done.stderr)
