"""The replicas of one deployment: who is free, who waits, who is well. One event loop only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from toolkit.live.endpoint import Replica, Serving

Say = Callable[[str], None]


class Busy(Exception):
    """More requests than may be waiting."""


class WaitedTooLong(Exception):
    """No replica became free in time."""


class NobodyThere(Exception):
    """No replica is well."""


@dataclass(eq=False)
class Seat:
    """A replica, and what it is doing. A new one is well: it was waited for."""

    replica: Replica
    is_ready: bool = True
    active: int = 0
    served: int = 0
    milliseconds: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    lost: asyncio.Event = field(default_factory=asyncio.Event)  # set while it is not ready


class Pool:
    """Hands out replicas, at most `concurrent` requests each, the least busy one first."""

    def __init__(self, serving: Serving, say: Say) -> None:
        self.serving = serving
        self.seats = [Seat(replica) for replica in serving.replicas]
        self.waiting: deque[tuple[asyncio.Future[Seat], bool]] = deque()
        self.statuses: dict[int, int] = {}
        self._say = say
        self._leaving: list[Seat] = []
        self._is_withdrawn = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def at_once(self) -> int:
        """What the service takes before it refuses: "HTTP status codes", 429."""
        return 2 * self.serving.requests.concurrent * len(self.seats)

    @property
    def is_patient(self) -> bool:
        """Under the debugger nothing is refused for being slow."""
        return self.serving.debugged

    @property
    def active(self) -> int:
        return sum(seat.active for seat in self.seats)

    @property
    def is_there(self) -> bool:
        return any(seat.is_ready for seat in self.seats)

    def adopt(self, serving: Serving) -> None:
        """The same deployment with other settings or replicas; those that stay go on."""
        before = self.seats
        kept = {seat.replica: seat for seat in before}
        self.serving = serving
        self.seats = [kept.get(replica) or Seat(replica) for replica in serving.replicas]
        self._leaving += [seat for seat in before if seat not in self.seats]
        self._wake()
        self._look_at_leaving()

    def withdraw(self) -> None:
        """Nobody is sent here any more; who is here, or waits here, is answered."""
        self._is_withdrawn = True
        self._look_at_leaving()

    async def take(self, *, debugged: bool = False, without: Seat | None = None) -> Seat:
        """A free replica, waited for if need be; give it back with `give`.

        Raises Busy, WaitedTooLong or NobodyThere.
        """
        if not self._candidates(debugged=debugged, without=without):
            raise NobodyThere
        if seat := self._free(debugged=debugged, without=without):
            seat.active += 1
            return seat
        if not self.is_patient and self.active + len(self.waiting) >= self.at_once:
            raise Busy
        turn: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        entry = (turn, debugged)
        self.waiting.append(entry)
        limit = None if self.is_patient else self.serving.requests.queue_wait_ms / 1000
        try:
            return await asyncio.wait_for(asyncio.shield(turn), limit)
        except asyncio.TimeoutError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                return turn.result()  # it came just in time
            self._leave(entry)
            raise WaitedTooLong from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self.give(turn.result())
            self._leave(entry)
            raise

    def _leave(self, entry: tuple[asyncio.Future[Seat], bool]) -> None:
        """Who has given up waiting is in nobody's way: the queue's length is what is refused by."""
        entry[0].cancel()
        with suppress(ValueError):  # called up already
            self.waiting.remove(entry)

    def give(self, seat: Seat) -> None:
        seat.active -= 1
        self._wake()
        self._look_at_leaving()  # after that: of a withdrawn one, who waited has its turn still

    def _look_at_leaving(self) -> None:
        self._leaving = [seat for seat in self._leaving if seat.active]
        if self._leaving or (self._is_withdrawn and self.active):
            self._idle.clear()
        else:
            self._idle.set()

    def mark(self, seat: Seat, *, ready: bool, why: str = "") -> None:
        """It became well, or unwell: said once."""
        if seat.is_ready == ready:
            return
        seat.is_ready = ready
        if ready:
            seat.lost.clear()
        else:
            seat.lost.set()
        well = sum(each.is_ready for each in self.seats)
        what = "answers again" if ready else f"does not answer any more{why and f' ({why})'}"
        name = f"{self.serving.name}: replica `{seat.replica.name}`"
        self._say(f"{name} {what}: {well} of {len(self.seats)} take requests")
        self._wake()

    async def drained(self, limit: float) -> None:
        """Wait until those that left do nothing any more, whoever saw them leave.

        At most so long: what is not done then is not waited for again.
        """
        try:
            await asyncio.wait_for(self._idle.wait(), limit)
        except asyncio.TimeoutError:
            self._leaving, self._is_withdrawn = [], False
            self._idle.set()

    def _candidates(self, *, debugged: bool, without: Seat | None = None) -> list[Seat]:
        return [
            seat
            for seat in self.seats
            if seat.is_ready and seat is not without and (seat.replica.debugged or not debugged)
        ]

    def _free(self, *, debugged: bool, without: Seat | None = None) -> Seat | None:
        free = [
            seat
            for seat in self._candidates(debugged=debugged, without=without)
            if seat.active < self.serving.requests.concurrent
        ]
        return min(free, key=lambda seat: (seat.active, seat.served), default=None)

    def _wake(self) -> None:
        """Those who wait, in their order, as far as there is somebody free for them."""
        left: deque[tuple[asyncio.Future[Seat], bool]] = deque()
        while self.waiting:
            turn, debugged = self.waiting.popleft()
            if turn.done():
                continue
            if not self._candidates(debugged=debugged):
                turn.set_exception(NobodyThere())
                with suppress(NobodyThere):
                    turn.exception()
            elif seat := self._free(debugged=debugged):
                seat.active += 1
                turn.set_result(seat)
            else:
                left.append((turn, debugged))
        self.waiting = left
