"""The control port: one JSON object per line in and out, refused without the right token."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any, Awaitable, Callable, Dict, Optional, Tuple

from .json_lines import LONGEST_LINE, LineError, decode_line, encode_line

Fields = Dict[str, Any]
Operation = Callable[[Fields], Awaitable[Fields]]

# How often an empty line tells the host that its answer is still being worked on.
SIGN_OF_LIFE_SECONDS = 1.0


class Control:
    def __init__(
        self,
        token: str,
        operations: Dict[str, Operation],
        *,
        sign_of_life: float = SIGN_OF_LIFE_SECONDS,
    ) -> None:
        self._token = token
        self._operations = operations
        self._sign_of_life = sign_of_life
        self._server: Optional[asyncio.Server] = None

    async def open(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._receive, host, port, limit=LONGEST_LINE)

    @property
    def address(self) -> Tuple[str, int]:
        """Where it listens, once it is open."""
        if self._server is None:
            raise ValueError("not open yet")
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                line = await reader.readline()
                if not line:
                    return
                answer = asyncio.ensure_future(self._answer(line))
                while not (await asyncio.wait({answer}, timeout=self._sign_of_life))[0]:
                    writer.write(b"\n")
                    await writer.drain()
                writer.write(encode_line(answer.result()))
                await writer.drain()
        except (OSError, ValueError):
            return  # a line without an end, or a host that has gone
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Fields:
        try:
            request = decode_line(line)
        except LineError as error:
            return {"ok": False, "error": f"the request is {error}"}
        token = str(request.get("token", ""))
        if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
            return {"ok": False, "error": "the token is wrong"}
        operation = self._operations.get(str(request.get("op")))
        if operation is None:
            known = ", ".join(sorted(self._operations))
            return {"ok": False, "error": f"the op is none of {known}: {request.get('op')}"}
        return await operation(request)
