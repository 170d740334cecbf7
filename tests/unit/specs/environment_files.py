"""Files of environments in a test: written, loaded, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.specs.environment import Environment, load_environment


def loaded(folder: Path, files: Tree, name: str) -> Environment:
    write_tree(folder, files)
    return load_environment(str(folder / name))


def refused(folder: Path, files: Tree, name: str) -> SpecError:
    """The error, with the folder's own path taken out of its texts."""
    write_tree(folder, files)
    with pytest.raises(SpecError) as caught:
        load_environment(str(folder / name))
    error = caught.value
    return SpecError(
        error.message.replace(f"{folder}/", ""), hint=error.hint.replace(f"{folder}/", "")
    )
