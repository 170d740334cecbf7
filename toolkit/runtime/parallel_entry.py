"""The user's entry script of a parallel step: loaded, initialised, called with mini-batches."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List


class Entry:
    """The module; `init()` and `shutdown()` are called if it has them."""

    def __init__(self, script: str, arguments: List[str]) -> None:
        path = os.path.abspath(script)
        sys.argv = [script, *arguments]
        sys.path.insert(0, os.path.dirname(path))
        spec = importlib.util.spec_from_file_location("entry_module", path)
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file: " + path)
        self._module = importlib.util.module_from_spec(spec)
        sys.modules["entry_module"] = self._module
        spec.loader.exec_module(self._module)
        if not hasattr(self._module, "run"):
            raise AttributeError("the entry script has no `run(mini_batch)`: " + script)
        init = getattr(self._module, "init", None)
        if init:
            init()

    def run(self, items: List[str], context: Dict[str, Any]) -> Any:
        function = self._module.run
        takes_context = "context" in inspect.signature(function).parameters
        result = function(items, context) if takes_context else function(items)
        if result is None or not (hasattr(result, "__len__") or hasattr(result, "to_csv")):
            raise TypeError("`run` must return a list or a DataFrame, not: " + repr(type(result)))
        return result

    def shutdown(self) -> None:
        shutdown = getattr(self._module, "shutdown", None)
        if shutdown:
            shutdown()
