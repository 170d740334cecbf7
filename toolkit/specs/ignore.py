"""Which files of a code folder stay at home: `.amlignore`, else `.gitignore`."""

from __future__ import annotations

from pathlib import Path

import pathspec


def ignore_rules(folder: Path) -> pathspec.GitIgnoreSpec:
    """`.amlignore` if there is one, else `.gitignore`: root folder only, as the SDK reads them."""
    file = ignore_file(folder)
    lines = file.read_text("utf-8", errors="replace").splitlines() if file else []
    return pathspec.GitIgnoreSpec.from_lines(lines)


def ignore_file(folder: Path) -> Path | None:
    """The file whose rules hold in this folder."""
    for name in (".amlignore", ".gitignore"):
        if (folder / name).is_file():
            return folder / name
    return None
