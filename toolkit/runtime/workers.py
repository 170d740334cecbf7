"""The agent's view of the server's workers: each holds a line open to it while it lives."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional

from .json_lines import LONGEST_LINE, LineError, decode_line, encode_line

Fields = Dict[str, Any]

LATEST = 64  # workers that are remembered after they have gone


class Worker:
    def __init__(self, hello: Fields, writer: asyncio.StreamWriter) -> None:
        self.pid = int(hello["pid"])
        self.master = int(hello["master"])
        self.candidate = bool(hello["candidate"])
        self.begun = bool(hello["begun"])
        self.ready = bool(hello["ready"])
        self.generation = int(hello.get("generation") or 0)
        self.draining = False
        self.joined = False
        self.gone = False
        self.stuck = False
        self.failure: Optional[Fields] = None
        self._writer = writer
        self._answers: Dict[int, "asyncio.Future[Fields]"] = {}
        self._asked = 0

    @property
    def serving(self) -> bool:
        return self.ready and not self.draining and not self.gone

    def tell(self, op: str, **fields: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode_line({"op": op, **fields}))

    async def ask(self, op: str, *, timeout: Optional[float], **fields: Any) -> Optional[Fields]:
        """The worker's answer, or None when it gave none in time or died."""
        if self.gone:
            return None
        self._asked += 1
        number = self._asked
        answer: "asyncio.Future[Fields]" = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.tell(op, number=number, **fields)
        try:
            return await asyncio.wait_for(answer, timeout)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            return None
        finally:
            self._answers.pop(number, None)

    def heard(self, event: Fields) -> None:
        kind = event.get("event")
        if kind == "begun":
            self.begun = True
        elif kind == "ready":
            self.ready = True
        elif kind == "failed":
            self.failure = event
        elif kind == "draining":
            self.draining = True
        elif kind == "joined":
            self.joined = bool(event.get("joined"))
        elif kind == "answer":
            answer = self._answers.get(int(event.get("number", 0)))
            if answer is not None and not answer.done():
                answer.set_result(event)

    def lost(self) -> None:
        self.gone = True
        for answer in self._answers.values():
            answer.cancel()


class Workers:
    def __init__(
        self,
        *,
        welcome: Callable[[Worker], Fields],
        heard: Callable[[Worker, Fields], None],
    ) -> None:
        self._welcome = welcome
        self._heard = heard
        self._known: List[Worker] = []
        self._arrived: Deque[Worker] = deque(maxlen=LATEST)
        self.arrivals = 0
        self._changed = asyncio.Condition()
        self._server: Optional[asyncio.AbstractServer] = None

    def __iter__(self) -> "Any":
        return iter(list(self._known))

    @property
    def serving(self) -> List[Worker]:
        return [worker for worker in self._known if worker.serving]

    def newcomers(self, after: int) -> List[Worker]:
        """Who has come since there were so many `arrivals`, gone again or not.

        One that fails at once may come and go before anybody looks.
        """
        return list(self._arrived)[-(self.arrivals - after) :] if self.arrivals > after else []

    async def open(self, path: str) -> None:
        _remove(path)
        self._server = await asyncio.start_unix_server(self._receive, path, limit=LONGEST_LINE)
        os.chmod(path, 0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def until(self, fact: Callable[[], bool], timeout: float) -> bool:
        """Whether the fact came true in time; looked at again whenever a worker says something."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(fact), timeout)
            except asyncio.TimeoutError:
                return fact()
            return True

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker: Optional[Worker] = None
        try:
            line = await reader.readline()
            if not line:
                return
            worker = Worker(decode_line(line), writer)
            self._known.append(worker)
            self._arrived.append(worker)
            self.arrivals += 1
            worker.tell("welcome", **self._welcome(worker))
            await self._announce()
            while True:
                line = await reader.readline()
                if not line:
                    return
                event = decode_line(line)
                worker.heard(event)
                self._heard(worker, event)
                await self._announce()
        except (LineError, KeyError, TypeError, ValueError, OSError):
            return  # not a worker of ours, or one that died while it spoke
        finally:
            writer.close()
            if worker is not None:
                worker.lost()
                self._known.remove(worker)
                await self._announce()

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _remove(path: str) -> None:
    """A socket that a former agent left."""
    if os.path.exists(path):
        os.unlink(path)
