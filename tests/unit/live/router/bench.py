"""A router in front of containers that a test scripts, all on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from toolkit.engines.base import Address
from toolkit.engines.ports import free_port
from toolkit.live.endpoint import Endpoints, EndpointState, Replica, Serving
from toolkit.live.router.access import credential
from toolkit.live.router.keep import Keeper
from toolkit.live.router.server import CONTROL_HEADER, Router
from toolkit.specs.endpoint import Endpoint

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def once(free: asyncio.Event) -> Handler:
    """Answers `old`, as soon as that is so."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        await free.wait()
        return web.Response(text="old")

    return answer


@dataclass
class Container:
    """Answers as its handler says, and keeps what it was asked."""

    name: str
    handler: Handler | None = None
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    address: Address = field(default_factory=lambda: Address(host="127.0.0.1", port=1))
    runner: web.ServerRunner | None = None
    health: Callable[[], int] = lambda: 200

    async def start(self) -> None:
        self.runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )
        await self.runner.setup()
        port = free_port() if self.address.port == 1 else self.address.port
        await web.TCPSite(self.runner, "127.0.0.1", port).start()
        self.address = Address(host="127.0.0.1", port=port)

    async def stop(self) -> None:
        if self.runner:
            await self.runner.cleanup()
            self.runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/":
            return web.Response(text="Healthy", status=self.health())
        if self.handler:
            return await self.handler(request)
        self.requests.append((request.method, request.raw_path, await request.content.read()))
        self.headers.append(dict(request.headers))
        return web.json_response({"from": self.name}, headers={"x-own": "kept"})


@dataclass
class Bench:
    """The router, its containers, and a caller."""

    router: Router
    containers: dict[str, Container]
    session: aiohttp.ClientSession
    endpoints: Endpoints
    said: list[str]
    revived: list[str]
    folder: Path

    @property
    def state(self) -> EndpointState:
        return self.endpoints.get("iris")

    async def post(
        self, body: Any = b"{}", *, path: str = "/score", key: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {key or credential(self.state)}")
        url = f"{self.state.url}{path}"
        async with self.session.post(url, data=body, headers=named) as answer:
            kept = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, kept, await answer.read()

    async def reloaded(self) -> None:
        """As the command says it that has just reloaded the code."""
        url = f"{self.state.url}/.aml-emu/reloaded"
        async with self.session.post(url, headers={CONTROL_HEADER: self.state.control}) as answer:
            assert answer.status == 200

    async def until(self, fact: Callable[[], bool]) -> None:
        """Return once it is so."""
        while not fact():  # noqa: ASYNC110  # facts of the router, which knows no events of tests
            await asyncio.sleep(0.005)

    async def change(self, **changes: Any) -> None:
        self.endpoints.change("iris", lambda state: replace(state, **changes))
        await self.router.renew()

    async def serve(self, serving: Serving) -> None:
        self.endpoints.change("iris", lambda state: state.with_serving(serving))
        await self.router.renew()


def serving(name: str, *containers: Container, **changes: Any) -> Serving:
    replicas = tuple(
        Replica(
            name=f"iris.{name}.{number}",
            address=container.address,
            liveness=container.address,
            readiness=container.address,
        )
        for number, container in enumerate(containers, start=1)
    )
    made = Serving(
        name=name,
        kind="managed",
        file=Path("blue.yml"),
        engine="docker",
        fingerprint="",
        replicas=replicas,
        scoring_path="/score",
    )
    return replace(made, **changes)


@asynccontextmanager
async def bench(folder: Path, *containers: Container) -> AsyncIterator[Bench]:
    """The first container is `blue` with all traffic; the others are for the test to deploy."""
    endpoints, said, revived = Endpoints(folder / ".aml-emu"), list[str](), list[str]()
    endpoints.ensure(Endpoint(name="iris"), port=free_port)
    for container in containers:
        await container.start()
    blue = serving("blue", containers[0])
    endpoints.change("iris", lambda s: replace(s.with_serving(blue), traffic={"blue": 100}))
    keeper = Keeper(records=folder / "records", say=said.append)
    router = Router(
        endpoints,
        "iris",
        keeper=keeper,
        revive=lambda _serving, replica: revived.append(replica),
        say=said.append,
    )
    runner = web.ServerRunner(web.Server(router.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", router.state.port).start()
    named = {container.name: container for container in containers}
    async with aiohttp.ClientSession() as session:
        try:
            yield Bench(router, named, session, endpoints, said, revived, folder)
        finally:
            await runner.cleanup()
            await router.close()
            for container in containers:
                await container.stop()
            keeper.close()


def run(scenario: Awaitable[None]) -> None:
    """A scenario of a test, which must not take long."""

    async def limited() -> None:
        await asyncio.wait_for(scenario, 20)

    asyncio.run(limited())
