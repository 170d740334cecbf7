"""The HTTP of tracking: checks who asks, finds the call, streams files. One door to aiohttp."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import web

from toolkit.errors import EmuError
from toolkit.live.tracking import listing, places
from toolkit.live.tracking.access import Caller, Tokens, check_host
from toolkit.live.tracking.call import Call, Handler
from toolkit.live.tracking.failures import Refused, invalid, refusal_of
from toolkit.live.tracking.routes import ARTIFACTS, ROUTES
from toolkit.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

T = TypeVar("T")
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_BODY: Final = 32 << 20
BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Exchange:
    """`names` are the hosts it answers to, asked anew each time: a run may bring one more."""

    workspace: Workspace
    tokens: Tokens
    names: Callable[[], frozenset[str]]
    datastores: Mapping[str, Path]
    worker: Executor
    further: Mapping[tuple[str, str], Handler] = field(default_factory=dict)

    def application(self) -> web.Application:
        application = web.Application(
            middlewares=[self._guard], client_max_size=LARGEST_BODY, logger=logger
        )
        for (method, path), handler in (*ROUTES.items(), *self.further.items()):
            application.router.add_route(method, path, partial(self._answer, handler))
        for root in ARTIFACTS:
            application.router.add_get(root, partial(self._answer, listing.of_place))
            application.router.add_get(root + "/{place:.*}", self._download, allow_head=False)
            application.router.add_put(root + "/{place:.*}", self._upload)
            application.router.add_delete(root + "/{place:.*}", self._remove)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Answering) -> web.StreamResponse:
        try:
            check_host(request.headers.get("Host"), self.names())
            self._caller(request)
            return await handler(request)
        except Refused as refused:
            return _refusal(refused)
        except EmuError as error:
            return _refusal(refusal_of(error))
        except web.HTTPException as error:
            return _refusal(_not_emulated(request, error))
        except (ConnectionError, web.RequestPayloadError):
            raise  # who asked has gone
        except OSError as error:
            return _refusal(_storage(error))
        except Exception as error:  # noqa: BLE001  # the boundary: who asked is told
            return _refusal(_bug(error))

    async def _answer(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        call = self._call(
            request, {**_query(request), **await _body(request), **request.match_info}
        )
        return web.json_response(await self._run(partial(handler, call)))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        call = self._call(request, {})
        path = await self._run(partial(places.read, call, request.match_info["place"]))
        if not path.is_file():
            raise invalid("this is a folder: list it, and ask for its files")
        return web.FileResponse(path, chunk_size=BLOCK)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """To a file beside, then into its place: nobody sees half of one."""
        call = self._call(request, {})
        place = request.match_info["place"]
        exclusive = "exclusive" in request.query
        locate = partial(places.written, call, place, exclusive=exclusive)
        await self._run(locate)
        unfinished = await self._run(partial(places.incoming, call)) / uuid.uuid4().hex
        try:
            await self._receive(request, unfinished)
            # looked at again and put there in one go: another one may have come meanwhile
            await self._run(lambda: unfinished.replace(locate()))
        finally:
            unfinished.unlink(missing_ok=True)
        return web.json_response({})

    async def _receive(self, request: web.Request, path: Path) -> None:
        loop = asyncio.get_running_loop()
        with path.open("wb") as file:
            async for block in request.content.iter_chunked(BLOCK):
                await loop.run_in_executor(None, partial(file.write, block))

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        call = self._call(request, {})
        await self._run(partial(places.removed, call, request.match_info["place"]))
        return web.json_response({})

    def _call(self, request: web.Request, values: Mapping[str, Any]) -> Call:
        return Call(
            workspace=self.workspace,
            caller=self._caller(request),
            values=values,
            datastores=self.datastores,
        )

    def _caller(self, request: web.Request) -> Caller:
        return self.tokens.caller(request.headers.get("Authorization"))

    async def _run(self, work: Callable[[], T]) -> T:
        """In the one thread that uses the database: a slow disk does not stop the streams."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, work)


def _query(request: web.Request) -> dict[str, Any]:
    """A key that comes once is a text, more often a list."""
    found = {key: request.query.getall(key) for key in request.query}
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


async def _body(request: web.Request) -> dict[str, Any]:
    data = await request.read()
    if not data:
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise invalid(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("the body must be a JSON object")
    return body


def _refusal(refused: Refused) -> web.Response:
    return web.json_response(refused.as_json(), status=refused.status)


def _not_emulated(request: web.Request, error: web.HTTPException) -> Refused:
    if error.status not in {404, 405}:
        return invalid(f"{request.method} {request.path}: {error.reason}")
    message = f"RouteNotEmulated: {request.method} {request.path}"
    logger.warning(message)
    return Refused("ENDPOINT_NOT_FOUND", message)


def _storage(error: OSError) -> Refused:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refused("RESOURCE_EXHAUSTED", "no room on the disk of the workspace")
    if error.errno in {errno.ENAMETOOLONG, errno.EINVAL}:
        return invalid(f"not a file name: {error.strerror}")
    return _bug(error)


def _bug(error: Exception) -> Refused:
    logger.error("a call of tracking failed", exc_info=error)
    return Refused("INTERNAL_ERROR", f"this is a bug of aml-emu: {error!r}")
