"""Tracking for the runs of one process: MLflow's REST and v1's, in a thread, on given addresses.

The addresses are taken at once; what answers on them is loaded when somebody first connects,
because that takes longer than many a run.
"""

# ruff: noqa: PLC0415  # 0.4 s, see above

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import select
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from typing_extensions import Self

from toolkit.errors import Conflict, EngineUnavailable
from toolkit.live.tracking.access import Caller, Tokens
from toolkit.live.tracking.call import CREATED_IN, Handler
from toolkit.live.tracking.variables import run_variables
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

if TYPE_CHECKING:
    from aiohttp import web

logger = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
_LIFETIME: Final = timedelta(days=30)
_TRIES: Final = 20


class Tracking:
    """`with Tracking(workspace, binds=["127.0.0.1"]) as tracking`, for as long as runs go on.

    `binds` are addresses of this machine, never all of them. `datastores` are the folders that
    stand for datastores, by name.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        binds: Sequence[str],
        datastores: Mapping[str, Path] | None = None,
    ) -> None:
        self._workspace = workspace
        self._binds = tuple(dict.fromkeys((LOOPBACK, *binds)))
        for bind in self._binds:
            if ipaddress.ip_address(bind).is_unspecified:
                raise ValueError(f"tracking must not listen on all addresses: {bind}")
        self._names = frozenset({"localhost", *self._binds})
        self._tokens = Tokens()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tracking-store")
        self._ending = threading.Event()
        self._wake: socket.socket
        self._woken: socket.socket  # readable from the end on
        self._thread = threading.Thread(target=self._serve, name="tracking", daemon=True)
        self._sockets: list[socket.socket] = []
        self._further: dict[tuple[str, str], Handler] = {}
        self._datastores = dict(datastores or {})

    def answer(self, handlers: Mapping[tuple[str, str], Handler]) -> None:
        """Answer further calls, by method and path; said before it is entered."""
        self._further |= handlers

    @property
    def port(self) -> int:
        """The same on every address."""
        return int(self._sockets[0].getsockname()[1])

    def token_for(self, run: str | None) -> str:
        """What a run shows to be let in; None makes one for the user's own process."""
        root = None if run is None else self._root(self._workspace.runs.get(run))
        return self._tokens.issue(Caller(run=run, root=root), expires=_expiry())

    def variables(
        self, run: Run, *, host: str, given: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """The environment that lets a run find its tracking, as Azure ML sets it.

        `host` is what this machine is called where the run is; `given` is the environment that
        the run has otherwise, whose proxies must not come between.
        """
        self._names |= {host.lower()}
        return run_variables(
            self._workspace,
            run,
            server=f"http://{host}:{self.port}",
            token=self.token_for(run.name),
            expires=_expiry(),
            given=given or {},
        )

    def end(self, run: str) -> None:
        """Give what a run's code began and did not end the status that the run has come to."""
        ended = self._workspace.runs.get(run)
        status = ended.status if ended.is_terminal else "Failed"
        below = {each.name for each in self._workspace.runs.descendants(run)}
        for begun in self._workspace.runs.unfinished():
            is_its_own = begun.name in below or begun.properties.get(CREATED_IN) == run
            if begun.kind == "interactive" and is_its_own:
                with contextlib.suppress(Conflict):  # its own client was faster
                    self._workspace.runs.advance(begun.name, status)

    def __enter__(self) -> Self:
        self._sockets = _listen(self._binds)
        self._wake, self._woken = socket.socketpair()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._worker.shutdown()
        for each in self._sockets:
            each.close()

    def _root(self, run: Run) -> str:
        return run.properties.get(CREATED_IN, run.root)

    def _serve(self) -> None:
        select.select([*self._sockets, self._woken], [], [])
        if self._ending.is_set():
            return
        try:
            self._answer_until_told()
        except Exception:  # the boundary of the thread
            logger.exception("tracking does not answer any more")

    def _answer_until_told(self) -> None:
        import asyncio  # 0.4 s with the next one, see above

        from aiohttp import web

        from toolkit.live.tracking.exchange import Exchange

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        exchange = Exchange(
            self._workspace,
            self._tokens,
            lambda: self._names,
            self._datastores,
            self._worker,
            self._further,
        )
        runner = web.AppRunner(exchange.application(), access_log=None, shutdown_timeout=1.0)
        try:
            loop.run_until_complete(_start(runner, self._sockets))
            loop.add_reader(self._woken, loop.stop)
            loop.run_forever()
            loop.remove_reader(self._woken)
        finally:
            loop.run_until_complete(runner.cleanup())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


async def _start(runner: web.AppRunner, sockets: Sequence[socket.socket]) -> None:
    from aiohttp import web

    await runner.setup()
    for each in sockets:
        await web.SockSite(runner, each).start()


def _listen(binds: Sequence[str]) -> list[socket.socket]:
    """One port, on every address: chosen by the first, and again if another has it already."""
    for attempt in range(_TRIES):
        opened: list[socket.socket] = []
        port = 0
        try:
            for bind in binds:
                opened.append(_bound(bind, port))
                port = opened[0].getsockname()[1]
        except OSError as error:
            for each in opened:
                each.close()
            if port == 0 or attempt == _TRIES - 1 or error.errno != errno.EADDRINUSE:
                raise _cannot_listen(binds, error) from error
        else:
            return opened
    raise AssertionError


def _bound(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.bind((bind, port))
        opened.listen(128)
    except OSError:
        opened.close()
        raise
    return opened


def _cannot_listen(binds: Sequence[str], error: OSError) -> EngineUnavailable:
    return EngineUnavailable(
        f"tracking cannot listen on this machine's addresses: {', '.join(binds)}",
        details=str(error),
        hint="is the container engine's network up? run `aml-emu doctor`",
    )


def _expiry() -> datetime:
    return datetime.now(tz=timezone.utc) + _LIFETIME
