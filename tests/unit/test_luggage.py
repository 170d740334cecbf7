"""What travels into containers is read by the Pythons there, of which 3.8 is the oldest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import toolkit

OLDEST = (3, 8)
PACKAGE = Path(toolkit.__path__[0])
LUGGAGE = [path for name in ("runtime", "dropin") for path in (PACKAGE / name).rglob("*.py")]
GENERIC = ("list", "dict", "tuple", "set", "frozenset", "type")
NEWER = ("removeprefix", "removesuffix", "is_relative_to", "to_thread", "unparse")


@pytest.mark.parametrize("path", LUGGAGE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_oldest_python_can_read_it(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), str(path), feature_version=OLDEST)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in NEWER, f"{path}:{node.lineno}"
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            alias = node.value.value  # evaluated when it is imported, unlike an annotation
            is_generic = isinstance(alias, ast.Name) and alias.id in GENERIC
            assert not is_generic, f"{path}:{node.lineno}"
