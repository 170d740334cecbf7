"""In gunicorn's master: import what was found safe, once, so that new workers start with it."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from typing import Any, Dict, List

from .contract import Contract
from .debugger import Debugger
from .trial import bring

# Sent by the agent when a verdict lies ready; real-time signals mean nothing to gunicorn.
PRELOAD_SIGNAL = signal.SIGRTMIN


class Master:
    """What the master tells about itself, and the list of modules that it is given to import."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._about: Dict[str, Any] = {
            "pid": os.getpid(),
            "python": sys.executable,
            "path": list(sys.path),
            "folder": os.getcwd(),
            "verdict": 0,
            "preloaded": [],
            "left_out": {},
        }

    def introduce(self) -> None:
        os.makedirs(self._contract.state, exist_ok=True)
        signal.signal(PRELOAD_SIGNAL, self._preload)
        self._write()

    def _preload(self, *_: object) -> None:
        """In the master's main thread, between two rounds of its loop: nothing forks meanwhile."""
        with open(verdict_file(self._contract.state), encoding="utf-8") as file:
            verdict = json.load(file)
        preloaded: List[str] = self._about["preloaded"]
        self._about["left_out"].update(verdict["left_out"])
        for module, names in verdict["modules"].items():
            try:
                bring(module, names)
            except BaseException as error:  # noqa: BLE001  # a master that dies takes the service with it
                self._about["left_out"][module] = f"{type(error).__name__}: {error}"
            else:
                preloaded += [module] if module not in preloaded else []
        if self._contract.debug:
            Debugger(self._contract.debugpy_home).load()
        self._about["verdict"] = verdict["number"]
        gc.collect()
        gc.freeze()
        self._write()

    def _write(self) -> None:
        path = master_file(self._contract.state)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(self._about, file)
        os.replace(path + ".new", path)


def master_file(state: str) -> str:
    return os.path.join(state, "master.json")


def verdict_file(state: str) -> str:
    return os.path.join(state, "preload.json")


def read_master(state: str) -> Dict[str, Any]:
    """What the master wrote about itself; empty before it started."""
    try:
        with open(master_file(state), encoding="utf-8") as file:
            about: Dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return {}
    return about
