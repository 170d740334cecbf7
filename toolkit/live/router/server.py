"""The router of one endpoint: takes requests in, asks who may, chooses who answers."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

from toolkit.live.endpoint import Endpoints, EndpointState, Serving
from toolkit.live.router import access
from toolkit.live.router import dialect as words
from toolkit.live.router.exchange import (
    REPLAY_HEADER,
    Cutting,
    Exchange,
    without_keys,
    without_secrets,
)
from toolkit.live.router.forward import (
    DEPLOYMENT_HEADER,
    REPLICA_HEADER,
    Forwarder,
    Passage,
    refusal,
    say_go_on,
    small_body,
)
from toolkit.live.router.health import Watch
from toolkit.live.router.keep import Keeper
from toolkit.live.router.pool import Pool, Seat
from toolkit.live.router.shares import Every, Shares

CONTROL: Final = "/.aml-emu/"
CONTROL_HEADER: Final = "aml-emu-control"
DEBUGGED: Final = "debugged"
_DRAIN_SECONDS: Final = 30.0


@dataclass
class Router:
    """`revive` starts a replica's server anew; `keeper` writes requests down."""

    endpoints: Endpoints
    name: str
    keeper: Keeper
    revive: Callable[[Serving, str], None]
    say: Callable[[str], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    pools: dict[str, Pool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state: EndpointState = self.endpoints.get(self.name)
        self._shares = Shares()
        self._mirroring = Every()
        self._forwarder = Forwarder()
        self._probing = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        self._watches: dict[Seat, tuple[Serving, asyncio.Task[None]]] = {}
        self._copies: set[asyncio.Task[None]] = set()
        self._withdrawn: list[Pool] = []
        self._count = 0
        self._adopt(self.state)

    async def close(self) -> None:
        for task in (*(task for _, task in self._watches.values()), *self._copies):
            task.cancel()
        await self._forwarder.connections.close()
        await self._probing.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every request there is."""
        if request.path.startswith(CONTROL):
            return await self._control(request)
        decision = access.decide(self.state, request.headers.get("Authorization"))
        if decision != "allowed":
            refused = words.FORBIDDEN if decision == "forbidden" else words.UNAUTHORIZED
            return refusal(refused)
        await say_go_on(request)
        body = await small_body(request)
        pool = self._chosen(request)  # after the body, which may be long in coming: who may leave
        if isinstance(pool, words.Refusal):
            return refusal(pool)
        kept = _is_kept(pool.serving, request)
        passage = self._passage(request, pool, body, kept=kept)
        self._mirror(passage)
        response = await self._forwarder.answer(passage)
        pool.statuses[passage.status] = pool.statuses.get(passage.status, 0) + 1
        if kept:
            self.keeper.keep(self._exchange(passage), pool.serving)
        return response

    def _passage(
        self, request: web.BaseRequest, pool: Pool, body: bytes | None, *, kept: bool
    ) -> Passage:
        return Passage(
            request=request,
            pool=pool,
            dialect=words.DIALECTS[pool.serving.kind],
            debugged=request.headers.get(REPLICA_HEADER) == DEBUGGED,
            body=body,
            kept_request=Cutting(wanted=kept),
            kept_answer=Cutting(wanted=kept),
        )

    def _chosen(self, request: web.BaseRequest) -> Pool | words.Refusal:
        """The deployment that the caller names, or the one whose turn it is."""
        if named := request.headers.get(DEPLOYMENT_HEADER):
            return self.pools.get(named) or words.unknown_deployment(named)
        alive = [name for name, pool in self.pools.items() if pool.is_there]
        chosen = self._shares.next(self.state.traffic, alive or self.pools)
        return self.pools[chosen] if chosen else words.NO_TRAFFIC

    def _mirror(self, passage: Passage) -> None:
        """Send a copy, if it is its turn; large bodies are not kept in memory for it."""
        if not self.state.mirror or DEPLOYMENT_HEADER in passage.request.headers:
            return
        (name, share), *_ = self.state.mirror.items()
        pool = self.pools.get(name)
        if pool and passage.body is not None and self._mirroring.says_yes(share):
            task = asyncio.ensure_future(self._copy(passage.request, passage.body, pool))
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _copy(self, request: web.BaseRequest, body: bytes, pool: Pool) -> None:
        """Its answer is thrown away, its status counted."""
        status = await self._forwarder.copy(pool, request, body, request.headers)
        pool.statuses[status] = pool.statuses.get(status, 0) + 1

    def _exchange(self, passage: Passage) -> Exchange:
        self._count += 1
        state, request, now = self.state, passage.request, time.time()
        secrets = (state.primary, state.secondary, state.secret)
        return Exchange(
            id=f"{int(now * 1000):013x}-{self._count:04x}",
            time=now,
            endpoint=state.name,
            deployment=passage.pool.serving.name,
            replica=passage.replica,
            method=request.method,
            path=without_keys(os.fsencode(request.raw_path), secrets).decode(errors="replace"),
            headers=without_secrets(request.headers, secrets),
            body=without_keys(passage.kept_request.data, secrets),
            status=passage.status,
            model_status=passage.model_status,
            answer_headers=without_secrets(passage.answer_headers, secrets),
            answer=without_keys(passage.kept_answer.data, secrets),
            milliseconds=(time.perf_counter() - passage.began) * 1000,
            request_cut=passage.kept_request.is_cut,
            answer_cut=passage.kept_answer.is_cut,
        )

    async def _control(self, request: web.BaseRequest) -> web.Response:
        """Questions of our own commands, who know the password."""
        given = request.headers.get(CONTROL_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.state.control.encode()):
            return refusal(words.UNAUTHORIZED)
        if self.stopping.is_set():  # who asks now needs the next one
            return refusal(words.Refusal(status=503, message="the router is ending"))
        match request.path.removeprefix(CONTROL):
            case "status" | "renew" as what:
                if what == "renew":
                    await self.renew()
                return web.json_response(self.status())
            case "reloaded":
                await self._forwarder.connections.renew()
                return web.json_response({})
            case "stop":
                self.stopping.set()
                return web.json_response({})
            case _:
                return refusal(words.Refusal(status=404, message="unknown request"))

    async def renew(self) -> None:
        """Read the endpoint's file again; returns when who left has nothing to do any more."""
        found = self.endpoints.find(self.name)
        if found is None:
            self.stopping.set()
            return
        self._adopt(found)
        looked_at = (*self.pools.values(), *self._withdrawn)
        await asyncio.gather(*(pool.drained(_DRAIN_SECONDS) for pool in looked_at))
        self._withdrawn = [pool for pool in self._withdrawn if pool not in looked_at]

    def _adopt(self, state: EndpointState) -> None:
        self.state = state
        for name in set(self.pools) - set(state.deployments):
            pool = self.pools.pop(name)
            pool.withdraw()
            self._withdrawn.append(pool)
        for name, serving in state.deployments.items():
            if name in self.pools:
                self.pools[name].adopt(serving)
            else:
                self.pools[name] = Pool(serving, self.say)
        self._look_after()

    def _look_after(self) -> None:
        """One watch for each replica, begun anew only if its deployment is another one now.

        The endpoint's file is looked at more often than most probes are due.
        """
        before, self._watches = self._watches, {}
        for pool in self.pools.values():
            for seat in pool.seats:
                serving, task = before.get(seat) or (None, None)
                if task is None or serving != pool.serving:
                    task = asyncio.ensure_future(
                        Watch(pool, seat, self._probing, self._revive).run()
                    )
                self._watches[seat] = (pool.serving, task)
        kept = {task for _, task in self._watches.values()}
        for _, task in before.values():
            if task not in kept:
                task.cancel()

    async def _revive(self, pool: Pool, seat: Seat) -> None:
        name = seat.replica.name
        self.say(f"{pool.serving.name}: the liveness probe of `{name}` failed")
        pool.mark(seat, ready=False)
        await asyncio.get_running_loop().run_in_executor(None, self.revive, pool.serving, name)

    def status(self) -> dict[str, Any]:
        """For people and tests: what each deployment is doing."""
        return {
            "name": self.name,
            "pid": os.getpid(),
            "traffic": dict(self.state.traffic),
            "mirror": dict(self.state.mirror),
            "deployments": {name: _described(pool) for name, pool in self.pools.items()},
        }


def _is_kept(serving: Serving, request: web.BaseRequest) -> bool:
    """A replay is no request of a caller: it would be recorded a second time."""
    wanted = serving.recorded or serving.collector is not None
    return wanted and REPLAY_HEADER not in request.headers


def _described(pool: Pool) -> dict[str, Any]:
    times = sorted(ms for seat in pool.seats for ms in seat.milliseconds)
    return {
        "active": pool.active,
        "waiting": len(pool.waiting),
        "statuses": {str(status): count for status, count in sorted(pool.statuses.items())},
        "p50_ms": round(times[len(times) // 2], 3) if times else None,
        "replicas": [
            {"name": seat.replica.name, "ready": seat.is_ready, "served": seat.served}
            for seat in pool.seats
        ],
    }
