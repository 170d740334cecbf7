"""The agent: owns the debugger's door and the control port, and outlives every worker."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
from typing import Any, Dict, List, Optional

from .adapter import Adapter, AdapterError
from .breakpoints import set_in
from .carriers import Carriers
from .contract import Contract, ContractError, read_contract
from .control import Control
from .executable import describe
from .gate import Gate
from .preload import read_master
from .reloads import Reloads
from .verdict import Verdict
from .workers import Worker, Workers

Fields = Dict[str, Any]

# How long a worker waits until the client has a session with it: a client may open none, but one
# that did so before only takes its time.
PATIENCE_SECONDS = 2.0
PROVEN_PATIENCE_SECONDS = 10.0


def say(text: str) -> None:
    sys.stderr.write(f"aml-emu: {text}\n")
    sys.stderr.flush()


class Agent:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._adapter: Optional[Adapter] = None
        self._gate: Optional[Gate] = None
        self._patience = PATIENCE_SECONDS
        self._waited = os.path.join(contract.state, "waited")
        self._workers = Workers(welcome=self._welcome, heard=self._heard)
        self._verdict = Verdict(contract, say, brought=self._brought, proven=self._proven)
        carriers = Carriers(
            contract,
            self._workers,
            paused=self._paused,
            master_at_work=self._verdict.master_at_work,
        )
        self._reloads = Reloads(
            contract,
            self._workers,
            {"restart": carriers.restart, "fork": carriers.fork, "swap": carriers.swap},
        )
        self._control = Control(
            contract.control_token,
            {
                "ping": self._ping,
                "status": self._status,
                "reload": self._reload,
                "lines": self._lines,
            },
        )

    async def open(self) -> None:
        os.makedirs(self._contract.state, exist_ok=True)
        await self._workers.open(self._contract.agent_socket)
        await self._control.open(self._contract.host, self._contract.control_port)
        if self._contract.debug:
            await self._open_debugger()
        say(self._banner())

    async def close(self) -> None:
        await self._control.close()
        await self._workers.close()
        if self._gate is not None:
            await self._gate.close()
        if self._adapter is not None:
            await self._adapter.close()

    async def _open_debugger(self) -> None:
        self._adapter = Adapter(
            self._contract.debugpy_home,
            attached=self._client_attached,
            detached=self._client_detached,
            say=say,
        )
        self._gate = Gate(
            self._adapter,
            published_port=self._contract.debug_port,
            say=say,
            followed=self._client_followed,
        )
        await self._gate.open(self._contract.host, self._contract.debug_port)
        try:
            await self._adapter.ensure()
        except (AdapterError, OSError) as error:
            say(f"{error}; the next client that attaches tries again")

    def _banner(self) -> str:
        said = [f"control on port {self._contract.control_port}"]
        if self._contract.debug:
            said.insert(0, f"debugger on port {self._contract.debug_port}")
        if self._contract.reload:
            said.append(f"reload by {self._contract.reload}")
        return ", ".join(said)

    async def _brought(self) -> List[str]:
        """The packages that the serving worker has imported on the user's behalf."""
        for worker in self._workers.serving:
            answer = await worker.ask("brought", timeout=2.0)
            return [str(name) for name in (answer or {}).get("modules", [])]
        return []

    async def _proven(self, wanted: Dict[str, List[str]]) -> List[str]:
        """Those of the modules that the serving worker holds and is none the worse for."""
        for worker in self._workers.serving:
            answer = await worker.ask("proven", timeout=2.0, modules=wanted)
            return [str(name) for name in (answer or {}).get("modules", [])]
        return []

    def _paused(self) -> List[int]:
        return self._gate.paused if self._gate is not None else []

    @property
    def _door(self) -> Optional[Fields]:
        """Where workers join the debugger; nowhere as long as no client is attached."""
        adapter = self._adapter
        if adapter is None or adapter.root is None or not adapter.root.attached:
            return None
        return adapter.worker_door._asdict() if adapter.worker_door is not None else None

    def _welcome(self, worker: Worker) -> Fields:
        if not worker.generation:
            worker.generation = self._reloads.generation + int(self._reloads.busy)
        if worker.ready:
            self._verdict.reconsider()
        wait = None if worker.ready or os.path.exists(self._waited) else self._contract.wait
        return {
            "generation": worker.generation,
            "door": self._door,
            "wait": wait,
            "patience": self._patience,
        }

    def _heard(self, _worker: Worker, event: Fields) -> None:
        kind = event.get("event")
        if kind == "waited":
            with open(self._waited, "w", encoding="ascii"):
                pass
        elif kind == "unconfigured":
            say("the client opens no session for the workers, so breakpoints do not bind in them")
            self._patience = 0.0
        elif kind == "ready":
            self._verdict.reconsider()

    def _client_attached(self) -> None:
        self._patience = PATIENCE_SECONDS
        for worker in self._workers:
            worker.tell("join", door=self._door, patience=self._patience)

    def _client_followed(self) -> None:
        self._patience = PROVEN_PATIENCE_SECONDS

    def _client_detached(self) -> None:
        say("the debugger detached")
        for worker in self._workers:
            worker.tell("rest")

    async def _ping(self, _: Fields) -> Fields:
        return {"ok": True}

    async def _reload(self, request: Fields) -> Fields:
        paths = request.get("paths") or []
        return await self._reloads.request(request.get("mode"), [str(path) for path in paths])

    async def _status(self, _: Fields) -> Fields:
        paused = self._paused()
        return {
            "ok": True,
            "python": platform.python_version(),
            "mode": self._contract.reload,
            "debug": self._contract.debug,
            "reloading": self._reloads.busy,
            "generation": self._reloads.generation,
            "adapter": self._adapter.pid if self._adapter is not None else None,
            "clients": self._gate.clients() if self._gate is not None else [],
            "paused": paused,
            "workers": [
                {
                    "pid": worker.pid,
                    "generation": worker.generation,
                    "ready": worker.serving,
                    "debugging": worker.joined and self._door is not None,
                    "paused": worker.pid in paused,
                }
                for worker in self._workers
            ],
            **self._master(),
        }

    def _master(self) -> Fields:
        """What the server's master wrote about itself."""
        master = read_master(self._contract.state)
        return {
            "master": master.get("pid"),
            "preloaded": master.get("preloaded", []),
            "left_out": master.get("left_out", {}),
        }

    async def _lines(self, request: Fields) -> Fields:
        path = str(request.get("file", ""))
        root = self._adapter.root if self._adapter is not None else None
        attached = [w.pid for w in self._workers if w.joined and self._door is not None]
        loaded = {}
        for worker in self._workers.serving:
            answer = await worker.ask("loaded", file=path, timeout=1.0)
            loaded[str(worker.pid)] = (answer or {}).get("sha256")
        return {
            "ok": True,
            "file": path,
            **describe(path),
            "loaded_sha256": loaded,
            "workers": attached,
            "breakpoints": set_in(path, root) if root is not None and root.attached else None,
        }


async def run(contract: Contract) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    agent = Agent(contract)
    await agent.open()
    try:
        await stop.wait()
    finally:
        await agent.close()


def main() -> int:
    try:
        contract = read_contract(os.environ)
        asyncio.run(run(contract))
    except (ContractError, OSError) as error:
        say(f"the agent cannot start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
