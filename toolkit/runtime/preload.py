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
from .remembered import Findings, Remembered
from .trial import bring
from .wanted import wanted_modules

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
            "modules": {},
            "preloaded": [],
            "left_out": {},
        }

    @property
    def has_preloaded(self) -> bool:
        return bool(self._about["preloaded"])

    def introduce(self) -> None:
        """Before the first worker: import at once what a former start found safe."""
        os.makedirs(self._contract.state, exist_ok=True)
        signal.signal(PRELOAD_SIGNAL, self._preload)
        if self._contract.preloads:
            self._recall()
        self._write()

    def _recall(self) -> None:
        remembered = Remembered(
            self._contract,
            wanted=wanted_modules(self._contract).named,
            python=sys.executable,
            path=self._about["path"],
        )
        findings = remembered.take()
        if findings is not None and self._import(findings):
            remembered.keep(findings)

    def _preload(self, *_: object) -> None:
        """In the master's main thread, between two rounds of its loop: nothing forks meanwhile."""
        with open(verdict_file(self._contract.state), encoding="utf-8") as file:
            verdict = json.load(file)
        self._import(verdict)
        self._about["verdict"] = verdict["number"]
        self._write()

    def _import(self, findings: Findings) -> bool:
        """Whether all of it could be imported."""
        preloaded: List[str] = self._about["preloaded"]
        failed: Dict[str, str] = {}
        for module, names in findings["modules"].items():
            try:
                bring(module, names)
            except BaseException as error:  # noqa: BLE001  # a master that dies takes the service with it
                failed[module] = f"{type(error).__name__}: {error}"
            else:
                self._about["modules"][module] = names
                preloaded += [module] if module not in preloaded else []
        self._about["left_out"].update({**findings["left_out"], **failed})
        if self._contract.debug:
            Debugger(self._contract.debugpy_home).load()
        gc.collect()
        gc.freeze()
        return not failed

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
