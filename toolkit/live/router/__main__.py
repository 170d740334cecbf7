"""The router as a process: `python -m toolkit.live.router STATE ENDPOINT ENGINE STARTER`.

It lives as long as something is deployed to its endpoint. A deployment whose command in the
foreground was killed is taken down here, or by the next command.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from toolkit.engines import ports
from toolkit.engines.registry import make_engine
from toolkit.errors import EmuError
from toolkit.live.endpoint import Endpoints, Serving
from toolkit.live.orphans import is_orphan, remove_all_strays, remove_orphans
from toolkit.live.router.keep import Keeper
from toolkit.live.router.server import Router
from toolkit.settings import EngineName
from toolkit.workspace.owners import this_process

LOOK_SECONDS: Final = 1.0
_GARBAGE: Final = 20_000
_STOP_SECONDS: Final = 5.0


def main(state_folder: Path, name: str, engine: EngineName, starter: int) -> None:
    """For whoever holds the endpoint's `router_lock`: one router at a time has an endpoint."""
    endpoints = Endpoints(state_folder)
    if not ports.is_free(endpoints.get(name).port):
        endpoints.change(name, lambda found: replace(found, port=ports.free_port()))
    asyncio.run(_serve(endpoints, name, engine, starter))


async def _serve(endpoints: Endpoints, name: str, engine: EngineName, starter: int) -> None:
    gc.freeze()  # what was imported stays; looking through it costs each request a little
    gc.set_threshold(_GARBAGE, 50, 50)
    keeper = Keeper(records=endpoints.folder_of(name) / "records", say=_say)
    router = Router(
        endpoints, name, keeper=keeper, revive=partial(_revive, endpoints, name), say=_say
    )
    server = web.Server(router.handle, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, router.stopping.set)
    try:
        site = web.TCPSite(runner, "127.0.0.1", router.state.port)
        await site.start()
        endpoints.change(name, lambda state: replace(state, router=this_process()))
        _say(f"endpoint `{name}` at {router.state.url}")
        await _supervise(router, engine, starter)
    finally:
        await runner.cleanup()
        await router.close()
        keeper.close()
        _leave(endpoints, name)


async def _supervise(router: Router, engine: EngineName, starter: int) -> None:
    """Until nothing is deployed any more, or whoever began to deploy is dead."""
    loop = asyncio.get_running_loop()
    has_served = bool(router.pools)
    while not router.stopping.is_set():
        try:
            await asyncio.wait_for(router.stopping.wait(), LOOK_SECONDS)
        except asyncio.TimeoutError:
            pass
        else:
            return
        try:
            await router.renew()
        except OSError as error:  # too many open files, say: those who are served go on
            _say(f"the endpoint's file cannot be read now: {error}")
            continue
        has_served = has_served or bool(router.pools)  # now: an orphan is gone in a moment
        if any(is_orphan(each) for each in router.state.deployments.values()):
            await loop.run_in_executor(None, _clean, router.endpoints, router.name)
            await router.renew()
        if not router.pools and (has_served or os.getppid() != starter):
            router.stopping.set()
            await loop.run_in_executor(None, _sweep, router.endpoints, router.name, engine)
            return


def _clean(endpoints: Endpoints, name: str) -> None:
    try:
        for gone in remove_orphans(endpoints, name, environ=os.environ):
            _say(f"{gone}: its command ended without a word, so it was taken down")
    except EmuError as error:  # its engine is away: the next look tries again, others are served
        _say(f"what a dead command left cannot be taken down now: {error.message}")


def _sweep(endpoints: Endpoints, name: str, engine: EngineName) -> None:
    for gone in remove_all_strays(make_engine(engine, os.environ), endpoints, name):
        _say(f"`{gone}` was launched by a command that is dead, so it was taken down")


def _revive(endpoints: Endpoints, endpoint: str, serving: Serving, replica: str) -> None:
    from toolkit.live.orphans import restart_server  # noqa: PLC0415  # it loads an engine

    _say(
        restart_server(serving, replica, endpoints=endpoints, endpoint=endpoint, environ=os.environ)
    )


def _leave(endpoints: Endpoints, name: str) -> None:
    me = this_process()
    state = endpoints.find(name)
    if state and state.router and state.router.pid == me.pid:
        endpoints.change(name, lambda state: replace(state, router=None))


def _say(text: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    with suppress(OSError):  # a full disk ends the log, not the requests
        sys.stderr.write(f"{stamp} {text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], cast("EngineName", sys.argv[3]), int(sys.argv[4]))
