"""The user's own files: which they are, what was loaded from them, and how to load them afresh.

Bytecode is neither read nor written for them: a cached file is found fresh or stale by a clock of
whole seconds, too coarse for someone who saves twice, and it litters the user's folder.
"""

from __future__ import annotations

import importlib.machinery
import linecache
import os
import sys
from types import FrameType, ModuleType
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

LIBRARY_FOLDERS = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Sources:
    def __init__(self, folders: Iterable[str]) -> None:
        roots: List[str] = []
        for folder in folders:
            roots += [os.path.abspath(folder), os.path.realpath(folder)]
        self.roots: Tuple[str, ...] = tuple(
            dict.fromkeys(root.rstrip(os.sep) + os.sep for root in roots)
        )
        self.texts: Dict[str, bytes] = {}
        self.modules: Dict[str, ModuleType] = {}
        # The user's files that a package imported, not code of theirs: they came with that package.
        self.drawn_in: Set[str] = set()

    def belongs(self, path: str) -> bool:
        """Whether the file is the user's: by its text alone, `realpath` of every module is slow."""
        return path.startswith(self.roots) and not is_of_library(path)

    def watch(self, loader: Any = importlib.machinery.SourceFileLoader) -> None:
        """Remember what is loaded from the user's files, and keep their bytecode off the disk."""
        path_stats, get_data, exec_module = loader.path_stats, loader.get_data, loader.exec_module

        def stats_without_cache(this: Any, path: str) -> Any:
            if self.belongs(path):
                raise OSError("the user's bytecode is not cached")
            return path_stats(this, path)

        def remembered_data(this: Any, path: str) -> Any:
            data = get_data(this, path)
            if self.belongs(path):
                self.texts[path] = data
            return data

        def remembered_module(this: Any, module: ModuleType) -> None:
            if self.belongs(this.path):
                self.modules[this.path] = module
                if is_of_library(_importer()):
                    self.drawn_in.add(this.path)
            exec_module(this, module)

        loader.path_stats = stats_without_cache
        loader.get_data = remembered_data
        loader.exec_module = remembered_module

    def imported(self) -> Dict[str, ModuleType]:
        """The user's modules in `sys.modules`, by name."""
        found = {}
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and self.belongs(path):
                found[name] = module
        return found


def is_of_library(path: str) -> bool:
    return any(part in path for part in LIBRARY_FOLDERS)


def _importer() -> str:
    """The file whose code wanted the module that is about to be executed."""
    frame: Optional[FrameType] = sys._getframe(2)  # noqa: SLF001  # there is no other way to it
    while frame is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else ""


class Loaded:
    """The user's modules as they were, some of them forgotten so that Python loads them again."""

    def __init__(self, sources: Sources, stale: Set[str]) -> None:
        self._sources = sources
        self._stale = stale
        self._modules = dict(sources.modules)
        self._texts = dict(sources.texts)
        self._imported = sources.imported()
        forgotten = {id(self._modules[path]) for path in stale}
        for name, module in self._imported.items():
            if id(module) in forgotten:
                del sys.modules[name]
        for path in stale:
            del sources.modules[path]
            sources.texts.pop(path, None)
            linecache.cache.pop(path, None)

    def restore(self) -> None:
        for name in self._sources.imported():
            if name not in self._imported:
                del sys.modules[name]
        for name, module in self._imported.items():
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                setattr(sys.modules[parent], child, module)
        for path in self._stale:
            linecache.cache.pop(path, None)
        for now, before in (
            (self._sources.modules, self._modules),
            (self._sources.texts, self._texts),
        ):
            now.clear()
            now.update(before)  # type: ignore[arg-type]  # the two dicts hold different values
