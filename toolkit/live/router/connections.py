"""The connections to the replicas: kept from one request to the next, until a reload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

_CONNECT_SECONDS: Final = 2.0  # to this machine's own containers: one that is gone is silent
_KEPT_SECONDS: Final = 1.0  # gunicorn hangs up after 2: a request must not meet that


@dataclass
class _Generation:
    session: aiohttp.ClientSession
    users: int = 0


class Connections:
    """One that is kept leads to the worker that took it, which a reload may have retired.

    So requests after a reload never use those of before; requests under way keep theirs.
    """

    def __init__(self) -> None:
        self._newest = _Generation(_session())

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[aiohttp.ClientSession]:
        """For one request, until its answer has been read."""
        mine = self._newest
        mine.users += 1
        try:
            yield mine.session
        finally:
            mine.users -= 1
            if mine is not self._newest and not mine.users:
                await mine.session.close()

    async def renew(self) -> None:
        """From now on requests get new ones."""
        former, self._newest = self._newest, _Generation(_session())
        if not former.users:
            await former.session.close()

    async def close(self) -> None:
        await self._newest.session.close()


def limits(seconds: float | None) -> aiohttp.ClientTimeout:
    """Whether a replica is there at all is known before the time for its answer is over."""
    connect = _CONNECT_SECONDS if seconds is None else min(_CONNECT_SECONDS, seconds / 2)
    return aiohttp.ClientTimeout(total=seconds, sock_connect=connect)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        timeout=limits(None),
    )
