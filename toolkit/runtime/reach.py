"""What `init()` is made of: every definition it reaches in the user's files, read from their text.

Two programs whose `init()` reaches the same text make the same objects. Whatever cannot be told
from the text (a module handed around, a star import) counts as reached.
"""

from __future__ import annotations

import ast
import os
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

Read = Callable[[str], Optional[bytes]]
Reached = Dict[Tuple[str, str], str]

LOOSE = "<statements>"

DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def reached_from_init(entry_file: str, folders: Sequence[str], read: Read) -> Optional[Reached]:
    """The text of each definition that `init()` reaches, by file and name; None without init."""
    walk = _Walk(folders, read)
    walk.refer(os.path.realpath(entry_file), "init")
    return walk.reached if (os.path.realpath(entry_file), "init") in walk.reached else None


class ModuleText:
    """The definitions of one file."""

    def __init__(self, path: str, text: bytes) -> None:
        self.path = path
        self.bindings: Dict[str, List[ast.stmt]] = {}
        self.stars: List[ast.ImportFrom] = []
        self.loose: List[str] = []
        for number, statement in enumerate(ast.parse(text, path).body):
            if number == 0 and _is_text(statement):
                continue
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                self.stars.append(statement)
                continue
            names = []
            for part in _parts(statement):
                for name in _bound(part):
                    names.append(name)
                    self.bindings.setdefault(name, []).append(part)
            if not names and not _is_main_guard(statement):
                self.loose.append(ast.dump(statement))

    def dump(self, name: str) -> str:
        return "\n".join(ast.dump(statement) for statement in self.bindings[name])


class _Walk:
    def __init__(self, folders: Sequence[str], read: Read) -> None:
        self._folders = folders
        self._read = read
        self._modules: Dict[str, Optional[ModuleText]] = {}
        self.reached: Reached = {}

    def refer(self, path: str, name: str) -> None:
        module = self._module(path)
        if module is None or (path, name) in self.reached:
            return
        if name not in module.bindings:
            for star in module.stars:
                for file in user_modules(self._folders, path, star.module or "", star.level):
                    self.refer(file, name)
            return
        self.reached[(path, name)] = module.dump(name)
        self.reached.setdefault((path, LOOSE), "\n".join(module.loose))
        for statement in module.bindings[name]:
            self._visit(module, statement)

    def refer_all(self, path: str) -> None:
        module = self._module(path)
        for name in module.bindings if module is not None else ():
            self.refer(path, name)

    def _module(self, path: str) -> Optional[ModuleText]:
        if path not in self._modules:
            text = self._read(path)
            self._modules[path] = None if text is None else ModuleText(path, text)
        return self._modules[path]

    def _visit(self, module: ModuleText, node: ast.AST) -> None:
        """Follow every name in the node: to this file's definitions, or to those of another."""
        if isinstance(node, ast.Attribute) and self._visit_member(module, node):
            return
        if isinstance(node, ast.Name):
            self._visit_name(module, node.id)
        elif isinstance(node, ast.Global):
            for name in node.names:
                self.refer(module.path, name)
        elif isinstance(node, ast.Import):
            self._visit_import(module, node)
        elif isinstance(node, ast.ImportFrom):
            self._visit_import_from(module, node)
        for child in ast.iter_child_nodes(node):
            self._visit(module, child)

    def _visit_name(self, module: ModuleText, name: str) -> None:
        for file in self._imported_as(module, name):
            self.refer_all(file)
        self.refer(module.path, name)

    def _visit_import(self, module: ModuleText, node: ast.Import) -> None:
        for alias in node.names:
            for file in user_modules(self._folders, module.path, alias.name, 0):
                self.reached.setdefault((file, LOOSE), self._loose(file))

    def _visit_member(self, module: ModuleText, node: ast.Attribute) -> bool:
        """Whether `name.member` is a definition in another file of the user's, and so followed."""
        if not isinstance(node.value, ast.Name):
            return False
        name, member = node.value.id, node.attr
        files = self._imported_as(module, name)
        texts = [self._module(file) for file in files]
        if not files or not all(text is not None and member in text.bindings for text in texts):
            return False
        for file in files:
            self.refer(file, member)
        self.refer_import(module, name)
        return True

    def refer_import(self, module: ModuleText, name: str) -> None:
        """The import statement itself, without what its module holds."""
        if name in module.bindings:
            self.reached.setdefault((module.path, name), module.dump(name))
            self.reached.setdefault((module.path, LOOSE), "\n".join(module.loose))

    def _loose(self, path: str) -> str:
        module = self._module(path)
        return "\n".join(module.loose) if module is not None else ""

    def _visit_import_from(self, module: ModuleText, node: ast.ImportFrom) -> None:
        for file in user_modules(self._folders, module.path, node.module or "", node.level):
            for alias in node.names:
                if alias.name == "*":
                    self.refer_all(file)
                else:
                    self.refer(file, alias.name)
        base = node.module + "." if node.module else ""
        for alias in node.names:
            for file in user_modules(self._folders, module.path, base + alias.name, node.level):
                self.refer_all(file)

    def _imported_as(self, module: ModuleText, name: str) -> List[str]:
        """The user's files that a name of this file stands for as a whole module."""
        files = []
        for statement in module.bindings.get(name, ()):
            for node in ast.walk(statement):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        if (alias.asname or alias.name.split(".")[0]) == name:
                            files += user_modules(self._folders, module.path, alias.name, 0)
                elif isinstance(node, ast.ImportFrom):
                    base = node.module + "." if node.module else ""
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            submodule = base + alias.name
                            files += user_modules(self._folders, module.path, submodule, node.level)
        return files


def user_modules(folders: Sequence[str], importer: str, dotted: str, level: int) -> List[str]:
    """The file of a user's module, and of the packages above it; nothing for anybody else's."""
    base = list(folders)
    if level:
        start = importer
        for _ in range(level):
            start = os.path.dirname(start)
        base = [start]
    parts = dotted.split(".") if dotted else []
    for folder in base:
        path = os.path.join(folder, *parts)
        for file in (path + ".py", os.path.join(path, "__init__.py")):
            if os.path.isfile(file):
                return [os.path.realpath(file)]
    return []


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names of the module that a statement of its top level binds."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name
    else:
        yield from _bound_inside(statement)


def _bound_inside(statement: ast.stmt) -> Iterator[str]:
    """What an assignment, or a compound statement such as `try`, binds."""
    for node in _outside_functions(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, DEFINING) and node is not statement:
            yield from _bound(node)


def _parts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """An import of several names as one import for each: using one does not use the others."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield ast.Import(names=[alias])
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield ast.ImportFrom(module=statement.module, names=[alias], level=statement.level)
    else:
        yield statement


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _outside_functions(child)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__main__" in ast.dump(statement.test)


def importers(paths: Set[str], folders: Sequence[str], read: Read, all_files: Set[str]) -> Set[str]:
    """The files that import one of these, directly or through others, with these themselves."""
    uses: Dict[str, Set[str]] = {}
    for file in all_files:
        text = read(file)
        tree = ast.parse(text, file) if text is not None else ast.Module(body=[], type_ignores=[])
        uses[file] = set(_used_files(tree, file, folders, all_files))
    stale = set(paths)
    while True:
        more = {file for file, used in uses.items() if file not in stale and used & stale}
        if not more:
            return stale
        stale |= more


def _used_files(
    tree: ast.AST, file: str, folders: Sequence[str], all_files: Set[str]
) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                for end in range(1, len(parts) + 1):
                    yield from user_modules(folders, file, ".".join(parts[:end]), 0)
        elif isinstance(node, ast.ImportFrom):
            yield from user_modules(folders, file, node.module or "", node.level)
            base = node.module + "." if node.module else ""
            for alias in node.names:
                yield from user_modules(folders, file, base + alias.name, node.level)
        elif getattr(node, "id", getattr(node, "attr", "")) in ("__import__", "import_module"):
            yield from all_files  # by a name that only shows when it runs
