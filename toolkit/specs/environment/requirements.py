"""A pip requirements file into a PipEnvironment, line by line."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.errors import SpecError
from toolkit.specs.environment.model import Dependency, PipEnvironment, slug
from toolkit.specs.yamlfile import nearest_file


def pip_environment(path: Path) -> PipEnvironment:
    """Raises SpecError for a file that is not there or not text."""
    lines = read_text(path, what="requirements file").splitlines()
    pip = tuple(
        Dependency(text=text, line=number)
        for number, line in enumerate(lines, start=1)
        if (text := re.sub(r"(^|\s)#.*", "", line).strip())
    )
    return PipEnvironment(name=slug(path.resolve().parent.name), path=path, pip=pip)


def read_text(path: Path, *, what: str) -> str:
    """A text file that the user named; `what` names it in errors."""
    try:
        return path.read_text("utf-8-sig")  # editors of Windows put a mark first
    except FileNotFoundError as error:
        raise SpecError(f"{what} not found: {path}", hint=nearest_file(path)) from error
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise SpecError(f"{what} cannot be read: {path}", details=str(error), hint=hint) from error
    except OSError as error:
        raise SpecError(f"{what} cannot be read: {path}", details=str(error)) from error
