"""The debugger's door: a connection reaches the adapter only with a whole `attach` in its hands.

debugpy's adapter is wedged by a bare connect and dies of a second `disconnect`; probes, refusals
and farewells are therefore answered here.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Callable, Dict, List, Optional, Set

from .adapter import Adapter, AdapterError
from .frames import (
    FrameError,
    Message,
    arguments_of,
    encode,
    parse,
    read_frame,
    refusal,
    response,
)
from .root import CAPABILITIES
from .visit import Inner, Visit

FIRST_FRAME_SECONDS = 30.0
ADAPTER_SECONDS = 3.0
RELEASE_SECONDS = 3.0
LEAVING_SECONDS = 10.0
MOMENT_SECONDS = 0.5

EXCEPTION_FILTERS = [
    {
        "filter": "raised",
        "label": "Raised Exceptions",
        "default": False,
        "description": "Break whenever any exception is raised.",
    },
    {
        "filter": "uncaught",
        "label": "Uncaught Exceptions",
        "default": True,
        "description": "Break when the process is exiting due to unhandled exception.",
    },
    {
        "filter": "userUnhandled",
        "label": "User Uncaught Exceptions",
        "default": False,
        "description": "Break when exception escapes into library code.",
    },
]


class Gate:
    def __init__(
        self,
        adapter: Adapter,
        *,
        published_port: int,
        say: Callable[[str], None],
        followed: Callable[[], None] = lambda: None,
    ) -> None:
        self._adapter = adapter
        self._followed = followed
        self._published_port = published_port
        self._say = say
        self._server: Optional[asyncio.AbstractServer] = None
        self._holder: Optional[Visit] = None
        self._free = asyncio.Event()
        self._free.set()
        self._visits: Set[Visit] = set()

    @property
    def paused(self) -> List[int]:
        """The workers that stand at a breakpoint or an exception."""
        return sorted({v.worker for v in self._visits if v.paused and v.worker is not None})

    def clients(self) -> List[Dict[str, Any]]:
        return [visit.described() for visit in self._visits if visit.attached]

    async def open(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._receive, host, port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _keep_alive(writer)
        visit = Visit(reader, writer)
        self._visits.add(visit)
        try:
            await self._introduce(visit)
        except (FrameError, OSError, asyncio.TimeoutError):
            pass  # a probe, or a client that left: nothing was started for it
        finally:
            self._visits.discard(visit)
            await self._release(visit)
            writer.close()

    async def _introduce(self, visit: Visit) -> None:
        """Answer a client until it attaches; then let it through."""
        while True:
            body = await asyncio.wait_for(read_frame(visit.reader), FIRST_FRAME_SECONDS)
            if body is None:
                return
            request = parse(body)
            command = request.get("command")
            if command == "initialize":
                visit.introduced(request, body)
                visit.writer.write(response(request, _capabilities()))
            elif command == "disconnect":
                visit.writer.write(response(request))
                await visit.writer.drain()
                return
            elif command == "attach" and visit.initialize:
                if await self._attach(visit, request):
                    return
            else:
                visit.writer.write(refusal(request, _out_of_turn(command)))

    async def _attach(self, visit: Visit, request: Message) -> bool:
        """Whether the client was let through (and has gone by now)."""
        arguments = arguments_of(request)
        request["arguments"] = arguments
        worker = arguments.get("subProcessId")
        if isinstance(worker, int):
            visit.worker = worker
            self._followed()
            # One request stands still, the others and the probes go on: else Python 3.12 and
            # newer would suspend the server's own threads as well.
            arguments.setdefault("stopAllThreadsOnSuspend", False)
        elif not await self._take_place(visit):
            name = self._holder.name if self._holder is not None else "another debugger"
            visit.writer.write(refusal(request, f"{name} is attached already"))
            return False
        else:
            # The adapter tells the client to bring the workers' sessions to this address; its own
            # is one that nobody outside the container reaches.
            arguments.setdefault("connect", {"host": "127.0.0.1", "port": self._published_port})
        try:
            inner = await self._reach_adapter(visit)
        except AdapterError as error:
            visit.writer.write(refusal(request, str(error)))
            await self._release(visit)
            return False
        await visit.pump(inner, encode(request))
        return True

    async def _take_place(self, visit: Visit) -> bool:
        """Whether the one place is this client's now; a client that is leaving is waited for."""
        leaving = self._holder is not None and self._holder.leaving
        try:
            await asyncio.wait_for(
                self._free.wait(), LEAVING_SECONDS if leaving else MOMENT_SECONDS
            )
        except asyncio.TimeoutError:
            return False
        if not self._free.is_set():
            return False  # somebody else waited as well, and was quicker
        self._free.clear()
        self._holder = visit
        return True

    async def _reach_adapter(self, visit: Visit) -> Inner:
        """Bring the client to an adapter that answers; one that is dead or silent is replaced."""
        await self._adapter.ensure()
        try:
            return await asyncio.wait_for(visit.knock(self._adapter.client_door), ADAPTER_SECONDS)
        except (OSError, FrameError, asyncio.TimeoutError) as error:
            if visit.worker is not None:
                raise AdapterError("the debug adapter does not answer") from error
            self._say("the debug adapter does not answer, replacing it")
            await self._adapter.replace()
            return await self._knock_again(visit)

    async def _knock_again(self, visit: Visit) -> Inner:
        try:
            return await asyncio.wait_for(visit.knock(self._adapter.client_door), ADAPTER_SECONDS)
        except (OSError, FrameError, asyncio.TimeoutError) as error:
            raise AdapterError("the debug adapter does not answer") from error

    async def _release(self, visit: Visit) -> None:
        """Free the place of the one client, once the adapter has let go of its session."""
        if self._holder is not visit:
            return
        try:
            await self._let_go()
        except (AdapterError, OSError) as error:
            self._say(f"{error}; the next client that attaches tries again")
        finally:
            for other in list(self._visits):
                if other.worker is not None:
                    other.dismiss()
            self._holder = None
            self._free.set()

    async def _let_go(self) -> None:
        root = self._adapter.root
        if root is None or not root.attached:
            return
        try:
            await asyncio.wait_for(root.released.wait(), RELEASE_SECONDS)
        except asyncio.TimeoutError:
            self._say("the debug adapter does not let go of a client that left, replacing it")
            await self._adapter.replace()


def _capabilities() -> Message:
    return {
        **CAPABILITIES,
        "supportsTerminateDebuggee": True,
        "exceptionBreakpointFilters": EXCEPTION_FILTERS,
    }


def _out_of_turn(command: object) -> str:
    if command == "launch":
        return 'the service is running already: use "request": "attach"'
    return f"not attached yet: {command}"


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Notice within half a minute when the client's machine has gone without a word."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
