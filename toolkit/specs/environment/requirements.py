"""A pip requirements file into a PipEnvironment, line by line."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.specs.environment.model import Dependency, PipEnvironment, slug
from toolkit.specs.yamlfile import read_text


def pip_environment(path: Path) -> PipEnvironment:
    """Raises SpecError for a file that is not there or not text."""
    lines = read_text(path, what="requirements file").splitlines()
    pip = tuple(
        Dependency(text=text, line=number)
        for number, line in enumerate(lines, start=1)
        if (text := re.sub(r"(^|\s)#.*", "", line).strip())
    )
    return PipEnvironment(name=slug(path.resolve().parent.name), path=path, pip=pip)
