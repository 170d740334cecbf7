"""Holds the debugger's door of a job: clients attach here, the job's Pythons join from within.

A process of its own beside the job's, so that a client's session outlives each of them. When
the job may begin it closes the open file it is given; all else it says in JSON lines.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, Dict, Optional, Set

from .adapter import Adapter, AdapterError
from .contract import Contract, read_contract
from .gate import Gate
from .json_lines import LONGEST_LINE, LineError, decode_line, encode_line

Fields = Dict[str, Any]


def tell(event: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    tell("debugger", message=text)


class JobAgent:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._attached = asyncio.Event()
        self._members: Set[asyncio.StreamWriter] = set()
        self._adapter = Adapter(
            contract.debugpy_home,
            attached=self._client_attached,
            detached=self._client_detached,
            say=say,
        )
        self._gate = Gate(
            self._adapter,
            published_port=contract.debug_port,
            say=say,
            followed=lambda: None,
        )
        self._server: Optional[asyncio.AbstractServer] = None

    async def open(self) -> None:
        os.makedirs(self._contract.state, exist_ok=True)
        path = self._contract.agent_socket
        self._server = await asyncio.start_unix_server(self._receive, path, limit=LONGEST_LINE)
        os.chmod(path, 0o600)
        await self._gate.open(self._contract.host, self._contract.debug_port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._gate.close()
        await self._adapter.close()

    async def wait_attached(self, seconds: float) -> bool:
        """Whether a client came in time. The adapter is started meanwhile, so that it is there."""
        starting = asyncio.ensure_future(self._ready())
        try:
            await asyncio.wait_for(self._attached.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        finally:
            starting.cancel()
        return True

    async def _ready(self) -> None:
        try:
            await self._adapter.ensure()
        except (AdapterError, OSError) as error:
            say(f"{error}; the next client that attaches tries again")

    @property
    def _door(self) -> Optional[Fields]:
        root, door = self._adapter.root, self._adapter.worker_door
        if root is None or not root.attached or door is None:
            return None
        return door._asdict()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One Python of the job: told where the door is, now and whenever that changes."""
        self._members.add(writer)
        try:
            writer.write(encode_line({"op": "welcome", "door": self._door}))
            while True:
                line = await reader.readline()
                if not line:
                    return
                event = decode_line(line)
                if event.pop("event", "") == "raised":
                    tell("raised", **event)
        except (LineError, OSError, ValueError):
            return  # one that died while it spoke
        finally:
            self._members.discard(writer)
            writer.close()

    def _client_attached(self) -> None:
        self._attached.set()
        tell("attached")
        self._announce({"op": "join", "door": self._door})

    def _client_detached(self) -> None:
        self._attached.clear()
        tell("detached")
        self._announce({"op": "rest"})

    def _announce(self, message: Fields) -> None:
        for member in self._members:
            if not member.is_closing():
                member.write(encode_line(message))


async def run(contract: Contract, begin: int, log: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    agent = JobAgent(contract)
    try:
        await agent.open()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        with suppress(BrokenPipeError):  # the job was told to end meanwhile
            os.write(begin, b"-")  # it does not begin: who launched it takes another port
        tell("taken", port=contract.debug_port)
        return
    tell("listening")
    try:
        if os.environ["AML_EMU_DEBUG"] == "wait":
            await _attend(agent, contract.wait or 0.0, log)
        os.close(begin)
        await stop.wait()
    finally:
        await agent.close()


async def _attend(agent: JobAgent, seconds: float, log: str) -> None:
    """Wait for a client before the job begins, and say so in the words of Azure's guide."""
    address = os.environ.get("AML_EMU_SHOWN_ADDRESS", "").rpartition(":")[0]
    _append(log, f"Timeout for debug connection: {seconds:g}\nip_address: {address}\n")
    tell("waiting", seconds=seconds)
    attached = await agent.wait_attached(seconds)
    if not attached:
        tell("unattended")
    _append(log, f"Debugger attached = {attached}\n")


def _append(log: str, text: str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        file.write(text)


def main() -> None:
    begin, log = int(sys.argv[1]), sys.argv[2]
    try:
        asyncio.run(run(read_contract(os.environ), begin, log))
    except OSError as error:
        say(f"the debugger cannot be reached: {error}")
