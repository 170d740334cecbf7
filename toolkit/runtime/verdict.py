"""In the agent: try out the user's third-party imports, have the master import the safe ones."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, Awaitable, Callable, Dict, List, Optional, Tuple

from .contract import Contract
from .imports import Wanted
from .preload import PRELOAD_SIGNAL, read_master, verdict_file
from .remembered import Remembered
from .sources import Sources
from .wanted import wanted_modules

Stumbled = Tuple[str, str]
Brought = Callable[[], Awaitable[List[str]]]
Proven = Callable[[Wanted], Awaitable[List[str]]]

TRIAL_SECONDS = 120.0
POLL_SECONDS = 0.02
TRIAL_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trial.py")


class Verdict:
    def __init__(
        self, contract: Contract, say: Callable[[str], None], *, brought: Brought, proven: Proven
    ) -> None:
        self._contract = contract
        self._say = say
        self._brought = brought
        self._proven = proven
        self._master = 0
        self._safe: Wanted = {}
        self._left_out: Dict[str, str] = {}
        self._late: Dict[str, str] = {}
        self._kept: Optional[Wanted] = None
        self._task: Optional["asyncio.Task[None]"] = None
        self._number = 0
        # Held while the master imports, and by whoever wants it to spawn at once.
        self.master_at_work = asyncio.Lock()

    def reconsider(self) -> None:
        """Look at what the code imports now; costs nothing when all of it was tried before."""
        if not self._contract.preloads:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._consider())
            self._task.add_done_callback(self._report)

    def _report(self, task: "asyncio.Task[None]") -> None:
        """Without preloading everything works, only slower; nobody awaits this task."""
        if not task.cancelled() and task.exception() is not None:
            self._say(f"preloading failed: {task.exception()!r}")

    async def _consider(self) -> None:
        master = read_master(self._contract.state)
        if not master:
            return
        if master["pid"] != self._master:
            # It may have imported what a former start found.
            self._master, self._kept = master["pid"], None
            self._safe, self._left_out = dict(master["modules"]), dict(master["left_out"])
        named, late, unseen = wanted_modules(self._contract)
        self._tell({name: late[name] for name in late if name not in self._late})
        self._late = late
        wanted = dict(named)
        if unseen:
            # What the text does not name: a pickled model imports its own library in init().
            wanted.update({name: [] for name in await self._brought() if name not in wanted})
        if not all(self._knows(name, names) for name, names in wanted.items()):
            await self._extend(master, wanted)
        if named != self._kept:
            self._remember(master, named)

    def _remember(self, master: Dict[str, Any], named: Wanted) -> None:
        self._kept = named
        remembered = Remembered(
            self._contract, wanted=named, python=master["python"], path=master["path"]
        )
        remembered.keep({"modules": self._safe, "left_out": self._left_out})

    async def _extend(self, master: Dict[str, Any], wanted: Wanted) -> None:
        """Try what is new and have the master import what is safe of it."""
        known = {name: names for name, names in self._safe.items() if name not in wanted}
        news = {name: names for name, names in wanted.items() if name not in self._left_out}
        proven = {name: news[name] for name in await self._proven(news)}
        if proven:
            self._safe = {**known, **proven}
            await self._have_imported()
        if set(news) - set(proven):
            await self._try(master, {**known, **news})
            await self._have_imported()
        self._tell({name: self._left_out[name] for name in news if name in self._left_out})

    def _tell(self, left_out: Dict[str, str]) -> None:
        for name, reason in left_out.items():
            self._say(f"not preloaded: {name}, it {reason}")

    async def _have_imported(self) -> None:
        """Hand the master its list, and wait until it has worked through it."""
        async with self.master_at_work:
            await self._work_through()

    async def _work_through(self) -> None:
        self._number += 1
        self._write()
        try:
            os.kill(self._master, PRELOAD_SIGNAL)
        except ProcessLookupError:
            return  # the next master is considered when its first worker is ready
        deadline = time.monotonic() + TRIAL_SECONDS
        while time.monotonic() < deadline:
            master = read_master(self._contract.state)
            if master.get("verdict") == self._number or master.get("pid") != self._master:
                return
            await asyncio.sleep(POLL_SECONDS)

    def _write(self) -> None:
        left_out = {**self._left_out, **self._late}
        verdict = {"number": self._number, "modules": self._safe, "left_out": left_out}
        with open(verdict_file(self._contract.state), "w", encoding="utf-8") as file:
            json.dump(verdict, file)

    def _knows(self, name: str, names: List[str]) -> bool:
        if name in self._left_out:
            return True
        return name in self._safe and set(names) <= set(self._safe[name])

    async def _try(self, master: Dict[str, Any], candidates: Wanted) -> None:
        """Try in fresh processes until one gets through everything that is left."""
        while candidates:
            stumbled = await self._trial(master, candidates)
            if stumbled is None:
                break
            name, reason = stumbled
            self._left_out[name] = reason
            del candidates[name]
        self._safe = candidates

    async def _trial(self, master: Dict[str, Any], modules: Wanted) -> Optional[Stumbled]:
        """The first module that is unsafe, and why; None when all are safe."""
        process = await asyncio.create_subprocess_exec(
            master["python"],
            "-I",
            TRIAL_PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment_of(master["pid"]),
        )
        order = {"modules": modules, "path": master["path"], "folder": master["folder"]}
        user_folders = list(Sources(self._contract.user_folders).roots)
        try:
            return await _listen(process, {**order, "user_folders": user_folders})
        finally:
            _kill(process)
            await process.wait()


async def _listen(process: asyncio.subprocess.Process, order: Dict[str, Any]) -> Optional[Stumbled]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the trial was started without pipes")
    process.stdin.write(json.dumps(order).encode())
    process.stdin.close()
    trying = ""
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), TRIAL_SECONDS)
        except asyncio.TimeoutError:
            return trying, "does not come back when it is imported"
        if not line:
            code = await process.wait()
            return (trying, f"ends the interpreter with code {code}") if trying else None
        report = json.loads(line.decode("utf-8"))
        if report.get("reason") is not None:
            return report["module"], report["reason"]
        trying = report.get("trying", "")


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            return  # it ended by itself


def _environment_of(pid: int) -> Dict[str, str]:
    """The environment that the service's script gave the server."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = file.read().decode(sys.getfilesystemencoding(), "surrogateescape").split("\0")
    except OSError:
        return dict(os.environ)
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
