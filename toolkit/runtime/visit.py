"""One client's connection: its introduction, its way to the adapter, and what it says on it."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, Optional, Tuple

from .frames import Message, arguments_of, encode, framed, parse, read_frame, response

LONGEST_EVENT = 4096
FAREWELL_SECONDS = 3.0
Inner = Tuple[asyncio.StreamReader, asyncio.StreamWriter]

GOES_ON = ("continue", "next", "stepIn", "stepOut", "disconnect")


class Visit:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.initialize = b""
        self.name = "another debugger"
        self.worker: Optional[int] = None
        self.attached = False
        self.paused = False
        self._said_goodbye = False

    @property
    def leaving(self) -> bool:
        return self._said_goodbye or self.reader.at_eof() or self.writer.is_closing()

    def described(self) -> Dict[str, Any]:
        return {"client": self.name, "worker": self.worker, "paused": self.paused}

    def introduced(self, request: Message, body: bytes) -> None:
        arguments = arguments_of(request)
        client = arguments.get("clientName") or arguments.get("clientID") or "another debugger"
        peer = self.writer.get_extra_info("peername")
        self.name = f"{client} ({peer[0]}:{peer[1]})" if peer else str(client)
        self.initialize = body

    async def knock(self, door: Tuple[str, int]) -> Inner:
        """Connect to the adapter and hand on `initialize`; its answer was given at the gate."""
        reader, writer = await asyncio.open_connection(*door)
        try:
            writer.write(framed(self.initialize))
            while True:
                body = await read_frame(reader)
                message = parse(body or b"")  # nothing more is as bad as nonsense
                if message.get("type") == "response":
                    return reader, writer
                self.writer.write(encode(message))
        except BaseException:
            writer.close()
            raise

    async def pump(self, inner: Inner, first: bytes) -> None:
        """Carry messages both ways until the client or the adapter leaves."""
        inner_reader, inner_writer = inner
        self.attached = True
        inner_writer.write(first)
        outward = asyncio.ensure_future(self._carry_out(inner_reader))
        inward = asyncio.ensure_future(self._carry_in(inner_writer))
        try:
            await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
            if not outward.done():
                await self._take_leave(inner_writer, outward)
            elif not self._said_goodbye:
                self._tell(encode({"seq": 0, "type": "event", "event": "terminated", "body": {}}))
        finally:
            for each in (outward, inward):
                each.cancel()
            await asyncio.gather(outward, inward, return_exceptions=True)
            inner_writer.close()
            self.attached = self.paused = False

    def dismiss(self) -> None:
        self.writer.close()

    async def _take_leave(
        self, inner_writer: asyncio.StreamWriter, outward: "asyncio.Future[None]"
    ) -> None:
        """Say the goodbye that a vanished client did not say, and let the adapter finish."""
        if not self._said_goodbye:
            farewell = {"seq": 2**31 - 1, "type": "request", "command": "disconnect"}
            inner_writer.write(encode({**farewell, "arguments": {"terminateDebuggee": False}}))
        await asyncio.wait({outward}, timeout=FAREWELL_SECONDS)

    async def _carry_in(self, inner_writer: asyncio.StreamWriter) -> None:
        while True:
            body = await read_frame(self.reader)
            if body is None:
                return
            if len(body) <= LONGEST_EVENT:
                message = parse(body)
                if message.get("command") == "disconnect" and message.get("type") == "request":
                    if self._said_goodbye:
                        self.writer.write(response(message))
                        continue
                    self._said_goodbye = True
            inner_writer.write(framed(body))
            await inner_writer.drain()

    async def _carry_out(self, inner_reader: asyncio.StreamReader) -> None:
        while True:
            body = await read_frame(inner_reader)
            if body is None:
                return
            if len(body) <= LONGEST_EVENT:
                self._notice(parse(body))
            self._tell(framed(body))
            await self._drained()

    def _tell(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    async def _drained(self) -> None:
        try:
            await self.writer.drain()
        except ConnectionError:
            return  # the client has gone; what the adapter still says is read to its end

    def _notice(self, message: Message) -> None:
        event, command = message.get("event"), message.get("command")
        if event == "stopped":
            self.paused = True
        elif event == "continued" or (command in GOES_ON and message.get("success")):
            self.paused = False
