"""Passing one request to a replica and its answer back, without keeping what it need not keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from toolkit.engines.base import Address
from toolkit.live.router import dialect as words
from toolkit.live.router.connections import Connections, limits
from toolkit.live.router.dialect import Dialect, Refusal
from toolkit.live.router.exchange import REPLAY_HEADER, Cutting
from toolkit.live.router.pool import Busy, NobodyThere, Pool, Seat, WaitedTooLong

SMALL: Final = 1 << 16
DEPLOYMENT_HEADER: Final = "azureml-model-deployment"
REPLICA_HEADER: Final = "aml-emu-replica"
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_FOR_THE_MODEL: Final = _HOP_BY_HOP | {
    "authorization",
    "content-length",
    "expect",  # it was for us, and has been answered
    "host",
    REPLICA_HEADER,
    REPLAY_HEADER,
    DEPLOYMENT_HEADER,
}
_NOT_FOR_THE_CALLER: Final = _HOP_BY_HOP | {"content-length", DEPLOYMENT_HEADER}


@dataclass(kw_only=True)
class Passage:
    """One request on its way, and what is known of it at its end."""

    request: web.BaseRequest
    pool: Pool
    dialect: Dialect
    debugged: bool
    body: bytes | None  # None: it is not small, and passed on as it comes
    kept_request: Cutting
    kept_answer: Cutting
    began: float = field(default_factory=time.perf_counter)
    replica: str = ""
    is_too_large: bool = False
    status: int = 0
    model_status: int = 0
    answer_headers: Mapping[str, str] = field(default_factory=dict)


class BodyTooLarge(Exception):
    """More bytes than the endpoint takes."""


class _Gone(Exception):
    """The replica went away before it said anything."""

    def __init__(self, *, refused: bool, why: str) -> None:
        super().__init__(why)
        self.refused = refused


class Forwarder:
    """Passes requests on over `connections`, and once more where a replica was gone."""

    def __init__(self) -> None:
        self.connections = Connections()

    async def answer(self, passage: Passage) -> web.StreamResponse:
        """What the caller gets: the container's answer, or what stands in front of it says."""
        outcome = await self._attempt(passage)
        if isinstance(outcome, Refusal):
            passage.status = outcome.status
            return refusal(outcome, passage.pool.serving.name)
        return outcome

    async def copy(
        self, pool: Pool, request: web.BaseRequest, body: bytes, headers: Mapping[str, str]
    ) -> int:
        """Send the same to another deployment; the status, its own or ours."""
        dialect = words.DIALECTS[pool.serving.kind]
        try:
            seat = await pool.take()
        except (Busy, WaitedTooLong):
            return dialect.busy
        except NobodyThere:
            return dialect.unreachable
        address = seat.replica.address
        url = _url_at(address, request)
        patient = seat.replica.debugged or pool.is_patient
        total = None if patient else pool.serving.requests.timeout_ms / 1000
        try:
            async with (
                self.connections.lent() as session,
                session.request(
                    request.method,
                    url,
                    data=body or None,
                    headers=model_headers(headers),
                    allow_redirects=False,
                    timeout=limits(total),
                ) as answer,
            ):
                await answer.read()
                return words.model_answer(dialect, answer.status)[0]
        except aiohttp.ClientError:
            return dialect.unreachable
        except asyncio.TimeoutError:
            return dialect.timeout
        finally:
            pool.give(seat)

    async def _attempt(self, passage: Passage) -> web.StreamResponse | Refusal:
        pool, dialect, request = passage.pool, passage.dialect, passage.request
        length = request.content_length
        if length is not None and length > dialect.largest:
            return words.too_large(dialect)
        if passage.body is not None:
            passage.kept_request.add(passage.body)
        settings = pool.serving.requests
        try:
            return await self._on_a_replica(passage, passage.body)
        except Busy:
            refused = words.busy(dialect, pool.at_once)
        except WaitedTooLong:
            refused = words.waited(dialect, settings.queue_wait_ms)
        except NobodyThere:
            refused = words.unreachable(dialect, pool.serving.name)
        except BodyTooLarge:
            refused = words.too_large(dialect)
        except asyncio.TimeoutError:
            refused = words.timed_out(dialect, settings.timeout_ms)
        return refused

    async def _on_a_replica(
        self, passage: Passage, body: bytes | None
    ) -> web.StreamResponse | Refusal:
        """A replica that is gone is tried once more elsewhere, if the body is still at hand."""
        failed: Seat | None = None
        for last in (False, True):
            seat = await passage.pool.take(debugged=passage.debugged, without=failed)
            passage.replica = seat.replica.name
            try:
                async with self.connections.lent() as session:
                    return await self._pass_on(passage, seat, body, session)
            except _Gone as error:
                if error.refused:
                    passage.pool.mark(seat, ready=False, why=str(error))
                if last or body is None:
                    break
                others = [each for each in passage.pool.seats if each.is_ready and each != seat]
                failed = seat if others else None
            finally:
                passage.pool.give(seat)
        return words.unreachable(passage.dialect, passage.pool.serving.name)

    async def _pass_on(
        self, passage: Passage, seat: Seat, body: bytes | None, session: aiohttp.ClientSession
    ) -> web.StreamResponse | Refusal:
        request, address = passage.request, seat.replica.address
        headers = model_headers(request.headers)
        if body is None and request.content_length is not None:
            headers["Content-Length"] = str(request.content_length)
        settings = passage.pool.serving.requests
        patient = seat.replica.debugged or passage.pool.is_patient
        seconds = None if patient else settings.timeout_ms / 1000
        url = _url_at(address, request)
        try:
            answer = await session.request(
                request.method,
                url,
                data=_body(passage, body),
                headers=headers,
                allow_redirects=False,
                timeout=limits(seconds),
            )
        except aiohttp.ClientConnectorError as error:
            raise _Gone(refused=True, why=str(error.os_error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise _Gone(refused=True, why="it takes no connections") from error
        except aiohttp.ClientError as error:
            if passage.is_too_large:  # what the body raised ends the connection
                raise BodyTooLarge from error
            raise _Gone(refused=False, why=str(error)) from error
        async with answer:
            seat.served += 1
            result = await self._returned(passage, answer)
            seat.milliseconds.append((time.perf_counter() - passage.began) * 1000)
            return result

    async def _returned(
        self, passage: Passage, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse | Refusal:
        passage.model_status = answer.status
        status, added = words.model_answer(passage.dialect, answer.status)
        passage.status = status
        length = answer.content_length
        if length is not None and length > passage.dialect.largest:
            return words.answer_too_large(passage.dialect)
        headers = caller_headers(answer.headers)
        headers.update(added)
        headers[DEPLOYMENT_HEADER] = passage.pool.serving.name
        passage.answer_headers = headers
        if length is not None and length <= SMALL:
            try:
                data = await answer.read()
            except aiohttp.ClientError:  # it ended half-way, and may have done what it was asked
                return words.unreachable(passage.dialect, passage.pool.serving.name)
            passage.kept_answer.add(data)
            return web.Response(status=status, headers=headers, body=data)
        return await _streamed(passage, answer, status, headers)


async def _streamed(
    passage: Passage, answer: aiohttp.ClientResponse, status: int, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """Chunk by chunk as they come. One that ends half-way ends the caller's connection too."""
    response = web.StreamResponse(status=status, headers=headers)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    elif passage.request.version >= aiohttp.HttpVersion11:
        response.enable_chunked_encoding()
    await response.prepare(passage.request)
    try:
        async for chunk in answer.content.iter_any():
            passage.kept_answer.add(chunk)
            await response.write(chunk)
        await response.write_eof()
    except (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError) as error:
        caller = passage.request.transport
        if caller and not caller.is_closing():  # else it is the caller who has left
            dialect, is_late = passage.dialect, isinstance(error, asyncio.TimeoutError)
            passage.status = dialect.timeout if is_late else dialect.unreachable
            caller.close()  # what was sent must not pass for all of it
    return response


def _body(passage: Passage, body: bytes | None) -> bytes | AsyncIterator[bytes] | None:
    if body is not None:
        return body or None
    return _streaming(passage) if passage.request.can_read_body else None


async def _streaming(passage: Passage) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in passage.request.content.iter_any():
        total += len(chunk)
        if total > passage.dialect.largest:
            passage.is_too_large = True
            raise BodyTooLarge
        passage.kept_request.add(chunk)
        yield chunk


async def say_go_on(request: web.BaseRequest) -> None:
    """To a caller who holds its body back until it is asked for it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # no part of the answer


async def small_body(request: web.BaseRequest) -> bytes | None:
    """The body, if it was said to be small."""
    if not request.can_read_body:
        return b""
    length = request.content_length
    return await request.content.read(-1) if length is not None and length <= SMALL else None


def _url_at(address: Address, request: web.BaseRequest) -> URL:
    """The same path and query there; a caller behind a proxy may name us before them."""
    path = request.raw_path
    if not path.startswith("/"):
        path = URL(path, encoded=True).raw_path_qs
    return URL(f"http://{address.host}:{address.port}{path}", encoded=True)


def model_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """What the container sees: everything but the way here, and the credentials."""
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _NOT_FOR_THE_MODEL
    )


def caller_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _NOT_FOR_THE_CALLER
    )


def refusal(refused: Refusal, deployment: str = "") -> web.Response:
    """An answer of our own, as JSON."""
    headers = dict(refused.headers)
    if deployment:
        headers[DEPLOYMENT_HEADER] = deployment
    return web.json_response(
        {"error": {"code": refused.status, "message": refused.message}},
        status=refused.status,
        headers=headers,
    )
