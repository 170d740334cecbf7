"""Probing replicas as the deployment's probes say; taking out of turn those that are unwell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from toolkit.engines.base import Address
from toolkit.live.router.pool import Pool, Seat
from toolkit.specs.deployment import ProbeSettings

RECOVERY_SECONDS: Final = 1.0  # how often one that is out of turn is looked at
_OK: Final = range(200, 400)  # as Kubernetes judges an HTTP probe


@dataclass
class Tally:
    """Consecutive outcomes of one probe, and what they amount to."""

    settings: ProbeSettings
    is_well: bool = True
    _in_a_row: int = 0

    def count(self, *, success: bool) -> bool:
        """Whether this outcome changed the verdict."""
        if success == self.is_well:
            self._in_a_row = 0
            return False
        self._in_a_row += 1
        needed = self.settings.success_threshold if success else self.settings.failure_threshold
        if self._in_a_row < needed:
            return False
        self.is_well, self._in_a_row = success, 0
        return True


@dataclass
class Watch:
    """Looks after one replica until it is cancelled.

    `revive` starts its server anew, and returns when that is done; it is called when the liveness
    probe gives up.
    """

    pool: Pool
    seat: Seat
    session: aiohttp.ClientSession
    revive: Callable[[Pool, Seat], Awaitable[None]]
    readiness: Tally = field(init=False)
    liveness: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.readiness = Tally(self.pool.serving.readiness)
        self.liveness = Tally(self.pool.serving.liveness)

    async def run(self) -> None:
        await asyncio.gather(self._ready(), self._live())

    async def _ready(self) -> None:
        serving = self.pool.serving
        while True:
            await self._until_due(serving.readiness.period)
            out = not self.seat.is_ready
            address = self.seat.replica.readiness
            well = await self._answers(address, serving.readiness_path, serving.readiness)
            if self.seat.replica.debugged and not well:
                continue  # it may stand at a breakpoint
            if self.readiness.count(success=well) and not well:
                self.pool.mark(self.seat, ready=False, why="the readiness probe failed")
            elif well and out and self.readiness.is_well:
                self.pool.mark(self.seat, ready=True)

    async def _until_due(self, period: float) -> None:
        """A period; once it is out of turn, whoever found that out, it is looked at more often."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.seat.lost.wait(), period)
            await asyncio.sleep(min(RECOVERY_SECONDS, period))

    async def _live(self) -> None:
        serving = self.pool.serving
        await asyncio.sleep(serving.liveness.initial_delay)
        while True:
            await asyncio.sleep(serving.liveness.period)
            address = self.seat.replica.liveness
            well = await self._answers(address, serving.liveness_path, serving.liveness)
            if self.seat.replica.debugged:
                continue
            if self.liveness.count(success=well) and not well:
                await self.revive(self.pool, self.seat)
                self.liveness = Tally(serving.liveness)
                await asyncio.sleep(serving.liveness.initial_delay)

    async def _answers(self, address: Address, path: str, settings: ProbeSettings) -> bool:
        url = f"http://{address.host}:{address.port}{path}"
        timeout = aiohttp.ClientTimeout(total=settings.timeout)
        try:
            async with self.session.get(url, timeout=timeout, allow_redirects=False) as answer:
                return answer.status in _OK
        except (aiohttp.ClientError, asyncio.TimeoutError):
            return False
