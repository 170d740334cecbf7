"""Which third-party modules the user's code will import, read from its text; nothing is imported.

A name that is found beside the user's code is theirs, and is followed instead of listed.
"""

from __future__ import annotations

import ast
import os
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

Wanted = Dict[str, List[str]]

CHANGING_METHODS = ("update", "setdefault", "pop", "popitem", "clear", "__setitem__")
CHANGING_CALLS = ("putenv", "unsetenv", "load_dotenv")


def imports_of(entry_file: str, folders: Sequence[str]) -> Imports:
    found = Imports(folders)
    found.read(entry_file)
    return found


class Imports:
    """Modules in the order of their first mention, each with the names taken `from` it.

    Those in `late` come after a change of `os.environ`, which may be meant for them.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._read: Set[str] = set()
        self.wanted: Wanted = {}
        self.late: Wanted = {}
        self.changes_environment = False

    def read(self, path: str) -> None:
        path = os.path.abspath(path)
        if path in self._read:
            return
        self._read.add(path)
        tree = _parsed(path)
        if tree is None:
            return
        for statement in sorted(tree.body, key=_runs_later):
            self.changes_environment = self.changes_environment or _changes_environment(statement)
            for module, names, level in _imports(ast.Module(body=[statement], type_ignores=[])):
                if level:
                    self._follow([_ancestor(path, level)], module, names)
                elif not self._follow(self._folders, module, names):
                    self._note(module, names)

    def _note(self, module: str, names: Sequence[str]) -> None:
        is_late = self.changes_environment and module not in self.wanted
        known = (self.late if is_late else self.wanted).setdefault(module, [])
        known += [name for name in names if name not in known]

    def _follow(self, folders: Sequence[str], module: str, names: Sequence[str]) -> bool:
        """Whether the module is the user's; its files are read if so."""
        for folder in folders:
            top = os.path.join(folder, module.partition(".")[0]) if module else folder
            if not (os.path.isfile(top + ".py") or _is_package(top)):
                continue
            path = os.path.join(folder, *module.split(".")) if module else folder
            for each in (path, *(os.path.join(path, name) for name in names)):
                for file in (each + ".py", os.path.join(each, "__init__.py")):
                    if os.path.isfile(file):
                        self.read(file)
            return True
        return False


def _is_package(folder: str) -> bool:
    """A folder with Python in it: with or without `__init__.py`, `import` takes it."""
    try:
        return any(name.endswith(".py") for name in os.listdir(folder))
    except OSError:
        return False


def _ancestor(path: str, level: int) -> str:
    for _ in range(level):
        path = os.path.dirname(path)
    return path


def _parsed(path: str) -> Optional[ast.Module]:
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read(), path)
    except (OSError, SyntaxError, ValueError):
        return None  # the reload that compiles it tells; here there is only nothing to preload


def _imports(node: ast.AST) -> Iterator[Tuple[str, List[str], int]]:
    """Every import at any depth, except those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, [], 0
        elif isinstance(child, ast.ImportFrom):
            names = [alias.name for alias in child.names if alias.name != "*"]
            yield child.module or "", names, child.level
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for other in child.orelse:
                yield from _imports(ast.Module(body=[other], type_ignores=[]))
        else:
            yield from _imports(child)


def _runs_later(statement: ast.stmt) -> bool:
    """A function's imports come when it is called: after all that the module itself does."""
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def _changes_environment(node: ast.AST) -> bool:
    """`os.environ[…] = …`, `os.environ.update(…)`, `os.putenv(…)`, `load_dotenv()` and the like."""
    if _runs_later(node):  # type: ignore[arg-type]  # whatever the node is
        return False
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _name_of(node.value) == "environ"
    if isinstance(node, ast.Call):
        name = _name_of(node.func)
        changes = isinstance(node.func, ast.Attribute) and _name_of(node.func.value) == "environ"
        if name in CHANGING_CALLS or (changes and name in CHANGING_METHODS):
            return True
    return any(_changes_environment(child) for child in ast.iter_child_nodes(node))


def _name_of(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _is_type_checking(test: ast.expr) -> bool:
    return _name_of(test) == "TYPE_CHECKING"
