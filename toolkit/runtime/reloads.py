"""Reload requests, one at a time: compiled first, then carried out by the mode that was asked for.

Requests that arrive while one runs become one more.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from typing import Any, Awaitable, Callable, Dict, List, Optional

from .contract import RELOAD_MODES, Contract
from .executable import compile_error
from .workers import Workers

Answer = Dict[str, Any]
Carrier = Callable[[List[str]], Awaitable[Answer]]

# Read once, when the server's own modules are imported: no new worker of the same master sees them.
SERVER_CONFIGURATION = ("config.json", "logging.json")


def failure(stage: str, text: str) -> Answer:
    return {"ok": False, "stage": stage, "traceback": text}


class Batch:
    def __init__(self) -> None:
        self.mode: Optional[str] = None
        self.paths: List[str] = []
        self.answer: "asyncio.Future[Answer]" = asyncio.get_running_loop().create_future()

    def add(self, mode: Optional[str], paths: List[str]) -> None:
        self.mode = mode or self.mode
        self.paths = list(dict.fromkeys([*self.paths, *paths]))


class Reloads:
    def __init__(self, contract: Contract, workers: Workers, carriers: Dict[str, Carrier]) -> None:
        self._contract = contract
        self._workers = workers
        self._carriers = carriers
        self._running: Optional["asyncio.Task[None]"] = None
        self._next: Optional[Batch] = None
        self.generation = 1
        self.last: Optional[Answer] = None

    @property
    def busy(self) -> bool:
        return self._running is not None

    async def request(self, mode: Optional[str], paths: List[str]) -> Answer:
        if self._contract.reload is None:
            return failure("request", "this service was started without reload")
        if mode is not None and mode not in RELOAD_MODES:
            return failure("request", f"the mode is none of {', '.join(RELOAD_MODES)}: {mode}")
        if self._next is None:
            self._next = Batch()
        batch = self._next
        batch.add(mode, paths)
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        return await asyncio.shield(batch.answer)

    async def _run(self) -> None:
        try:
            while self._next is not None:
                batch, self._next = self._next, None
                try:
                    answer = await self._reload(batch)
                except Exception:  # noqa: BLE001  # the boundary: who asked gets an answer, who waits a turn
                    answer = failure("agent", traceback.format_exc())
                batch.answer.set_result(answer)
        finally:
            self._running = None

    async def _reload(self, batch: Batch) -> Answer:
        started = time.monotonic()
        mode = str(batch.mode or self._contract.reload)
        mode, why = self._possible(mode, batch.paths)
        answer = self._compile(batch.paths)
        if answer is None:
            answer = await self._carriers[mode](batch.paths)
        if answer["ok"]:
            self.generation += 1
            answer["said"] = f"{why}{answer['said']}"
        answer["mode"] = answer.get("mode", mode)
        answer["ms"] = round((time.monotonic() - started) * 1000)
        self.last = answer
        return answer

    def _possible(self, mode: str, paths: List[str]) -> "tuple[str, str]":
        """The mode that can do it, and why it is another one than was asked for."""
        if mode == "restart":
            return mode, ""
        if not self._workers.serving:
            return "restart", "the server was down; "
        if self._contract.preloads_app:
            return "restart", "the master holds your code (WORKER_PRELOAD is true); "
        if any(path.rpartition("/")[2] in SERVER_CONFIGURATION for path in paths):
            return "restart", "the server reads its configuration only when it starts; "
        return mode, ""

    def _compile(self, paths: List[str]) -> Optional[Answer]:
        files = [path for path in paths if path.endswith(".py") and _is_there(path)]
        for path in dict.fromkeys([self._contract.entry_file, *files]):
            error = compile_error(path)
            if error is not None:
                return failure("compile", error)
        return None


def _is_there(path: str) -> bool:
    """A file that was removed is no reason to refuse: importing it will tell, if anybody does."""
    try:
        with open(path, "rb"):
            return True
    except FileNotFoundError:
        return False
    except OSError:
        return True
