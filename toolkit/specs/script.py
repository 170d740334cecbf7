"""What can be said of a scoring script by reading it: it parses, and has init() and run()."""

from __future__ import annotations

import ast
from pathlib import Path

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import at_line, nearest_file


def check_scoring_script(path: Path) -> None:
    """Raise SpecError for a script the inference server would refuse at once."""
    try:
        source = path.read_bytes()
    except FileNotFoundError as error:
        raise SpecError(f"scoring script not found: {path}", hint=nearest_file(path)) from error
    except OSError as error:
        raise SpecError(f"scoring script cannot be read: {path}", details=str(error)) from error
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        shown = (error.text or "").rstrip()
        raise at_line(path, error.lineno, f"syntax error: {error.msg}", details=shown) from error
    except ValueError as error:  # null bytes
        raise SpecError(f"{path}: not a Python file: {error}") from error
    for name in ("init", "run"):
        if name not in _names(tree):
            raise SpecError(
                f"{path}: no `{name}()` function",
                hint="a scoring script defines `init()` and `run(data)`",
            )


def _names(tree: ast.Module) -> set[str]:
    """Names bound at module level, also inside `if` and `try`, and by imports and decorators."""
    names: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                # what is inside has a scope of its own, unless it says `global`
                inside = (inner for inner in ast.walk(node) if isinstance(inner, ast.Global))
                names.update(name for inner in inside for name in inner.names)
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=asname):
                names.add(asname or name)
        pending += ast.iter_child_nodes(node)
    # `from x import *` and the generated v1 driver may bring anything
    return {"init", "run"} if "*" in names or "driver_module" in names else names
