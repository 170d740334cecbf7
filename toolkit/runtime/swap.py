"""Reload in the live worker: run the user's changed modules anew and put them in place in one step.

What `init()` made lives on unless `init()`, or anything it uses, changed. On any exception nothing
was replaced.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Dict, List, Optional, Set

from .contract import Contract
from .keep import PLAIN, Entangled, adopt, instances_of
from .reach import LOOSE, Reached, importers, reached_from_init
from .session import WorkerSession
from .sources import Loaded

Fields = Dict[str, Any]

CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)

SERVER = "azureml_inference_server_http.server"


class Abandoned(Exception):
    """The agent gave up waiting; whatever comes out of this swap must not be put in place."""


class Swapper:
    def __init__(self, contract: Contract, session: WorkerSession) -> None:
        self._contract = contract
        self._session = session
        self._sources = session.sources
        self._made = session.made
        self._abandoned = threading.Event()

    def operate(self, message: Fields) -> Fields:
        """Answer the agent's `swap`."""
        self._abandoned.clear()
        self._session.busy_thread = threading.get_ident()
        self._session.failure = None
        try:
            said = self._swap([str(path) for path in message.get("paths", [])])
        except BaseException as error:  # noqa: BLE001  # user code may raise anything, SystemExit too
            stage, text = self._session.failure or self._session.explained("swap", error)
            return {"ok": False, "stage": stage, "traceback": text}
        finally:
            self._session.busy_thread = None
        if self._session.debugger is not None:
            self._session.debugger.forget_code()
        self._session.generation = int(message.get("generation", 0))
        return {"ok": True, "said": said}

    def abandon(self, _: Fields) -> Fields:
        self._abandoned.set()
        return {}

    def _swap(self, paths: List[str]) -> str:
        why = self._why_init(paths)
        if why is None:
            try:
                self._replace(self._stale(), keep=True)
            except Entangled as error:
                why = f"what it made holds code that changed place ({error})"
            else:
                return "kept the objects init() made"
        self._replace(set(self._sources.modules), keep=False)
        return f"init() ran again: {why}"

    def _why_init(self, paths: List[str]) -> Optional[str]:
        """Why what `init()` made cannot be kept; None when it can."""
        if not self._made.known or self._made.scattered:
            return "it keeps objects where they cannot be carried over from"
        if any(not path.endswith(".py") for path in paths):
            return "a file that is not Python changed"
        if not self._changed():
            return "no code changed"
        former = self._reached(self._read_loaded)
        if former is None or former != self._reached(_read):
            return "it, or what it uses, changed"
        return None

    def _changed(self) -> Set[str]:
        return {path for path, text in self._sources.texts.items() if _read(path) != text}

    def _read_loaded(self, path: str) -> Optional[bytes]:
        for loaded, text in self._sources.texts.items():
            if os.path.realpath(loaded) == path:
                return text
        return _read(path)

    def _reached(self, read: Any) -> Optional[Reached]:
        return reached_from_init(self._entry, self._contract.user_folders, read)

    @property
    def _entry(self) -> str:
        return self._contract.entry_file

    def _stale(self) -> Set[str]:
        """The loaded files to execute again: those that changed, and those that import them."""
        loaded = {os.path.realpath(path): path for path in self._sources.modules}
        changed = {os.path.realpath(path) for path in self._changed()}
        changed.add(os.path.realpath(self._entry))
        folders = self._contract.user_folders
        stale = importers(changed, folders, _read, set(loaded))
        return {path for real, path in loaded.items() if real in stale}

    def _replace(self, stale: Set[str], *, keep: bool) -> None:
        """Execute these files anew, then put script and schema in place; or leave all as it was."""
        former = dict(self._sources.modules)
        raw_http: Any = importlib.import_module("azureml_inference_server_http.api.aml_request")
        was_raw = raw_http._rawHttpRequested  # noqa: SLF001  # the server's own mark, which nothing resets
        kept = self._kept_values(former, stale) if keep else {}
        found = instances_of(_values(kept), {former[path].__name__ for path in stale})
        before = Loaded(self._sources, stale)
        try:
            raw_http._rawHttpRequested = False  # noqa: SLF001  # see above
            script = self._load()
            now = self._sources.modules
            for path, values in kept.items():
                if path in now:
                    vars(now[path]).update(values)
            if not keep:
                script.invoke_init()
            swagger = self._swagger(script)
            self._still_wanted()
            adopt(found, {now[path].__name__: now[path] for path in stale if path in now})
        except BaseException:
            before.restore()
            raw_http._rawHttpRequested = was_raw  # noqa: SLF001  # see above
            raise
        blueprint = sys.modules[SERVER + ".routes"].main_blueprint
        blueprint.user_script, blueprint.swagger = script, swagger

    def _still_wanted(self) -> None:
        if self._abandoned.is_set():
            raise Abandoned("the swap took too long")

    def _kept_values(self, former: Dict[str, ModuleType], stale: Set[str]) -> Dict[str, Fields]:
        """The globals to carry over: what `init()` assigned, and what it may have filled."""
        reached = self._reached(self._read_loaded) or {}
        kept: Dict[str, Fields] = {}
        for path in stale:
            values = vars(former[path])
            names = {name for name in self._made.assigned.get(path, ()) if name in values}
            real = os.path.realpath(path)
            names |= {
                name
                for file, name in reached
                if file == real and name != LOOSE and _may_be_filled(values.get(name))
            }
            kept[path] = {name: values[name] for name in names if name in values}
        return kept

    def _load(self) -> Any:
        importlib.invalidate_caches()
        config = sys.modules[SERVER + ".config"].config
        script = sys.modules[SERVER + ".user_script"].UserScript(config.entry_script)
        script.load_script(config.app_root)
        return script

    def _swagger(self, script: Any) -> Any:
        config = sys.modules[SERVER + ".config"].config
        constants = importlib.import_module("azureml_inference_server_http.constants")
        swagger = sys.modules[SERVER + ".swagger"].Swagger
        return swagger(config.app_root, constants.SERVER_ROOT, script)


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _values(kept: Dict[str, Fields]) -> List[Any]:
    return [value for values in kept.values() for value in values.values()]


def _may_be_filled(value: Any) -> bool:
    """Whether `init()` could have changed the object without assigning the name."""
    return not isinstance(value, (*PLAIN, tuple, frozenset, *CODE))
