"""Names of a package that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict

from .missing import missing_name


def lazily(package: str, where: Dict[str, str], advice: Dict[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: `where` says in which submodule a name is.

    `advice` says what to use instead of a name that is nowhere.
    """

    def look_up(name: str) -> Any:
        if name in where:
            return getattr(importlib.import_module(where[name], package), name)
        raise missing_name(package, name, advice.get(name, ""))

    return look_up
