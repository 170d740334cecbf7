"""How a reload is carried out from outside the workers: a restarted service, or a forked worker."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any, Awaitable, Callable, List, Optional

from .contract import Contract
from .reloads import Answer, failure
from .workers import Worker, Workers

BOOT_SECONDS = 120.0
HELLO_SECONDS = 20.0
DRAIN_SECONDS = 5.0
LOOK_SECONDS = 1.0

PausedWorkers = Callable[[], List[int]]


class Carriers:
    def __init__(
        self,
        contract: Contract,
        workers: Workers,
        *,
        paused: PausedWorkers,
        master_at_work: asyncio.Lock,
    ) -> None:
        self._contract = contract
        self._master_at_work = master_at_work
        self._workers = workers
        self._paused = paused

    async def restart(self, _paths: List[str]) -> Answer:
        """Restart the runit service; who stands at a breakpoint is cut off, as by any restart."""
        former = {worker.master for worker in self._workers}
        before = self._workers.arrivals
        paused = self._paused()
        for worker in self._workers:
            if not worker.ready or worker.pid in paused:
                _signal(worker.pid, signal.SIGKILL)
        error = await self._sv("restart")
        if error:
            return failure("restart", error)

        def booted() -> Optional[Worker]:
            new = self._workers.newcomers(before)
            return next((w for w in new if w.master not in former), None)

        await self._workers.until(lambda: booted() is not None, BOOT_SECONDS)
        worker = booted()
        if worker is None:
            return failure("timeout", f"no worker after {BOOT_SECONDS:g} s; see the server's log")
        answer = await self._outcome(worker)
        return answer or {"ok": True, "said": "restarted the server, init() ran"}

    async def fork(self, _paths: List[str]) -> Answer:
        """Bring up new workers beside the old ones; the old ones go when all the new ones serve."""
        async with self._master_at_work:
            return await self._fork()

    async def _fork(self) -> Answer:
        old = self._workers.serving
        if not old:  # while the master was at work
            return failure("crash", "no worker is serving; see the server's log")
        master = old[0].master
        new: List[Worker] = []
        for _ in old:
            candidate = await self._raise_candidate(master)
            if candidate is None:
                await self._give_up(new)
                return failure("timeout", "the server did not start another worker; see its log")
            new.append(candidate)
        for candidate in new:
            answer = await self._outcome(candidate)
            if answer is not None:
                await self._give_up(new)
                return answer
        for _ in old:
            await self._retire_one(old, master)
        return {"ok": True, "said": "init() ran in a new worker"}

    async def _raise_candidate(self, master: int) -> Optional[Worker]:
        before = self._workers.arrivals

        def arrived() -> Optional[Worker]:
            return next((w for w in self._workers.newcomers(before) if w.candidate), None)

        _signal(master, signal.SIGTTIN)
        await self._workers.until(lambda: arrived() is not None, HELLO_SECONDS)
        return arrived()

    async def _outcome(self, worker: Worker) -> Optional[Answer]:
        """None when the worker got ready; otherwise why it did not. Pauses do not count as time."""

        def settled() -> bool:
            return worker.ready or worker.gone or worker.failure is not None

        await self._workers.until(lambda: worker.begun or settled(), BOOT_SECONDS)
        await self._in_time(worker.pid, lambda seconds: self._workers.until(settled, seconds))
        if worker.ready:
            return None
        if worker.failure is not None:
            return failure(str(worker.failure["stage"]), str(worker.failure["traceback"]))
        if worker.gone:
            return failure("crash", "the new worker died without a word; see the server's log")
        answer = await self._where(worker)
        _signal(worker.pid, signal.SIGKILL)
        return answer

    async def swap(self, paths: List[str]) -> Answer:
        """Have every worker put the new code in place of the old, in its own process."""
        if any(worker.stuck for worker in self._workers.serving):
            return {**await self.fork(paths), "mode": "fork"}
        answer = failure("crash", "no worker is serving")
        for worker in self._workers.serving:
            answer = await self._swap_in(worker, paths)
            if not answer["ok"]:
                return answer
        return answer

    async def _swap_in(self, worker: Worker, paths: List[str]) -> Answer:
        generation = worker.generation + 1
        asked = asyncio.ensure_future(
            worker.ask("swap", timeout=None, paths=paths, generation=generation)
        )
        if not await self._in_time(worker.pid, lambda seconds: _finished(asked, seconds)):
            worker.stuck = True
            worker.tell("abandon")
            return await self._where(worker)
        answer = asked.result()
        if answer is None:
            return failure("crash", "the worker died; see the server's log")
        if not answer["ok"]:
            return failure(str(answer["stage"]), str(answer["traceback"]))
        worker.generation = generation
        return {"ok": True, "said": str(answer["said"])}

    async def _in_time(self, pid: int, settles: Callable[[float], Awaitable[bool]]) -> bool:
        """Whether it settles in the time that init() has; standing at a breakpoint takes none."""
        left = self._contract.init_timeout
        while left > 0:
            started = time.monotonic()
            if await settles(min(left, LOOK_SECONDS)):
                return True
            if pid not in self._paused():
                left -= time.monotonic() - started
        return False

    async def _where(self, worker: Worker) -> Answer:
        where = await worker.ask("where", timeout=1.0)
        text = f"init() did not return within {self._contract.init_timeout:g} s\n"
        return failure("timeout", text + str((where or {}).get("stack", "")))

    async def _give_up(self, candidates: List[Worker]) -> None:
        for candidate in candidates:
            if not candidate.gone:
                _signal(candidate.pid, signal.SIGTERM if candidate.ready else signal.SIGKILL)
        await self._workers.until(
            lambda: all(each.gone or each.draining for each in candidates), DRAIN_SECONDS
        )

    async def _retire_one(self, old: List[Worker], master: int) -> None:
        """The new code answers alone once the old worker takes no more requests."""
        left = sum(worker.serving for worker in old)
        _signal(master, signal.SIGTTOU)
        await self._workers.until(lambda: sum(w.serving for w in old) < left, DRAIN_SECONDS)

    async def _sv(self, verb: str) -> str:
        """What went wrong, or nothing."""
        try:
            process = await asyncio.create_subprocess_exec(
                "sv",
                verb,
                self._contract.server_service,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return f"cannot run sv: {error}"
        output, _ = await process.communicate()
        said = output.decode("utf-8", "replace").strip()
        return said if said.startswith(("fail:", "warning:")) else ""


async def _finished(task: "asyncio.Future[Any]", seconds: float) -> bool:
    await asyncio.wait({task}, timeout=seconds)
    return task.done()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it went by itself
