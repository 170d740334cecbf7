"""The one debug adapter of the container: started, watched, and replaced when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from .root import Root

START_SECONDS = 30.0

Spawned = Tuple[asyncio.subprocess.Process, Dict[str, Dict[str, str]]]
ADAPTER_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "adapter_process.py")


class AdapterError(Exception):
    """The adapter does not start."""


class WorkerDoor(NamedTuple):
    """What a worker needs to join the adapter as a child of the root session."""

    host: str
    port: int
    token: str
    root_pid: int


class Adapter:
    def __init__(
        self,
        debugpy_home: str,
        *,
        attached: Callable[[], None],
        detached: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._debugpy_home = debugpy_home
        self._attached = attached
        self._detached = detached
        self._say = say
        self._lock = asyncio.Lock()
        self._process: Optional[asyncio.subprocess.Process] = None
        self._watch: Optional["asyncio.Task[None]"] = None
        self.root: Optional[Root] = None
        self.client_door: Tuple[str, int] = ("127.0.0.1", 0)
        self.worker_door: Optional[WorkerDoor] = None

    @property
    def pid(self) -> Optional[int]:
        return self._process.pid if self._process and self.alive else None

    @property
    def alive(self) -> bool:
        return self.root is not None

    async def ensure(self) -> None:
        async with self._lock:
            if not self.alive:
                await self._start()

    async def replace(self) -> None:
        async with self._lock:
            await self._stop()
            await self._start()

    async def close(self) -> None:
        async with self._lock:
            await self._stop()

    async def _start(self) -> None:
        token = secrets.token_hex(32)
        process, endpoints = await self._spawn(token)
        self._process = process
        client, server = endpoints["client"], endpoints["server"]
        self.client_door = (client["host"], int(client["port"]))
        host, port = server["host"], int(server["port"])
        reader, writer = await asyncio.open_connection(host, port)
        root = Root(reader, writer, token, attached=self._attached, detached=self._detached)
        self.worker_door = WorkerDoor(host, port, token, os.getpid())
        self.root = root
        self._watch = asyncio.ensure_future(self._attend(root, process))

    async def _spawn(self, token: str) -> Spawned:
        """Start the process and wait for the two addresses that it listens on."""
        arrived: "asyncio.Future[bytes]" = asyncio.get_running_loop().create_future()

        async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            text = await reader.read()
            writer.close()
            if not arrived.done():
                arrived.set_result(text)

        listener = await asyncio.start_server(receive, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        arguments = (ADAPTER_PROGRAM, self._debugpy_home, str(port), token)
        process = await asyncio.create_subprocess_exec(sys.executable, "-I", *arguments)
        ended: "asyncio.Future[int]" = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait(
                (arrived, ended),
                timeout=START_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            ended.cancel()
            listener.close()
        if not arrived.done():
            _kill(process)
            raise AdapterError("the debug adapter does not start")
        endpoints: Dict[str, Dict[str, str]] = json.loads(arrived.result().decode("utf-8"))
        if "error" in endpoints:
            raise AdapterError(str(endpoints["error"]))
        return process, endpoints

    async def _attend(self, root: Root, process: asyncio.subprocess.Process) -> None:
        """Serve the root session; when the adapter goes, put another one in its place."""
        await root.serve()
        if self.root is not root:
            return
        self.root = None
        self.worker_door = None
        _kill(process)
        code = await process.wait()
        self._say(f"the debug adapter ended with code {code}, starting another one")
        try:
            await self.ensure()
        except (AdapterError, OSError) as error:
            self._say(f"{error}; the next client that attaches tries again")

    async def _stop(self) -> None:
        process, watch = self._process, self._watch
        self.root = None
        self.worker_door = None
        if process is not None:
            _kill(process)
            await process.wait()
        if watch is not None and watch is not asyncio.current_task():
            await asyncio.wait({watch})
        self._process = None


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        process.kill()
    except ProcessLookupError:
        return  # already gone
