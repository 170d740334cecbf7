"""The user's own files: which they are, what was loaded from them, and how to load them afresh.

Bytecode is neither read nor written for them: a cached file is found fresh or stale by a clock of
whole seconds, too coarse for someone who saves twice, and it litters the user's folder.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import ModuleType
from typing import Any, Dict, Iterable, List, Tuple

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

    def belongs(self, path: str) -> bool:
        """Whether the file is the user's: by string alone, since realpath of every module is slow."""
        return path.startswith(self.roots) and not any(part in path for part in LIBRARY_FOLDERS)

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
