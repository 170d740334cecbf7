"""What must not be lost, doubled or garbled when something goes wrong half-way."""

import asyncio
import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.unit.live.router.bench import Bench, Container, bench, once, run, serving
from toolkit.live.router.access import credential
from toolkit.specs.deployment import RequestSettings


async def _raw(
    it: Bench,
    *,
    head: str = "",
    body: bytes = b"{}",
    expect: bool = False,
    target: str = "/score",
) -> bytes:
    """All that a caller reads from the connection, as it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", it.state.port)
    writer.write(
        f"POST {target} HTTP/1.1\r\nHost: iris\r\nAuthorization: Bearer {credential(it.state)}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n".encode()
    )
    told = await reader.readline() + await reader.readline() if expect else b""
    writer.write(body)
    answer = told + await reader.read()
    writer.close()
    return answer


async def _begins(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(b"first")
    return response


def test_an_answer_that_stops_half_way_is_not_followed_by_another(tmp_path: Path) -> None:
    async def stalls(request: web.BaseRequest) -> web.StreamResponse:
        response = await _begins(request)
        await asyncio.sleep(30)
        return response

    async def dies(request: web.BaseRequest) -> web.StreamResponse:
        response = await _begins(request)
        assert request.transport
        request.transport.abort()
        return response

    async def scenario() -> None:
        stalling, dying = Container("stalling", stalls), Container("dying", dies)
        async with bench(tmp_path, stalling, dying) as it:
            limits = RequestSettings(timeout_ms=200, concurrent=1, queue_wait_ms=500)
            for container, counted in ((stalling, 408), (dying, 500)):
                await it.serve(serving("blue", container, requests=limits))
                answer = await _raw(it)
                assert answer.count(b"HTTP/1.1") == 1
                assert b"first" in answer
                assert not answer.endswith(b"0\r\n\r\n")  # it does not pass for a whole one
                assert it.router.pools["blue"].statuses.get(counted) == 1
                assert it.router.pools["blue"].active == 0

    run(scenario())


def test_a_small_answer_that_breaks_off_is_told_as_our_own(tmp_path: Path) -> None:
    async def breaks(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10
        await response.prepare(request)
        await response.write(b"abc")
        assert request.transport
        request.transport.abort()
        return response

    async def scenario() -> None:
        async with bench(tmp_path, Container("blue", breaks)) as it:
            status, headers, body = await it.post()
            assert status == 500
            assert headers["azureml-model-deployment"] == "blue"
            assert json.loads(body)["error"]["code"] == 500
            assert it.router.pools["blue"].statuses == {500: 1}

    run(scenario())


def test_a_replica_that_speaks_no_http_is_told_as_our_own(tmp_path: Path) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"what?\r\n\r\n")
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(garbage, "127.0.0.1", 0)
        async with bench(tmp_path, blue := Container("blue")) as it:
            port = server.sockets[0].getsockname()[1]
            odd = replace(blue, address=replace(blue.address, port=port), runner=None)
            await it.serve(serving("blue", odd))
            status, _, body = await it.post()
            assert (status, json.loads(body)["error"]["code"]) == (500, 500)
        server.close()
        await server.wait_closed()

    run(scenario())


def test_whoever_asks_waits_until_the_old_replicas_are_idle(tmp_path: Path) -> None:
    free = asyncio.Event()

    async def scenario() -> None:
        async with bench(tmp_path, Container("old", once(free)), new := Container("new")) as it:
            call = asyncio.ensure_future(it.post())
            await it.until(lambda: it.router.pools["blue"].active == 1)
            looking = asyncio.ensure_future(it.serve(serving("blue", new)))  # its own look
            await asyncio.sleep(0.05)
            asking = asyncio.ensure_future(it.router.renew())  # the command, a moment later
            await asyncio.sleep(0.05)
            assert not asking.done()
            assert not looking.done()
            free.set()
            await asyncio.wait_for(asyncio.gather(asking, looking), 2)
            assert (await call)[2] == b"old"

    run(scenario())


def test_who_waits_for_a_deployment_that_is_withdrawn_is_still_answered(tmp_path: Path) -> None:
    async def slow(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(body=await request.content.read())

    async def scenario() -> None:
        async with bench(tmp_path, Container("blue", slow), green := Container("green")) as it:
            limits = RequestSettings(timeout_ms=5000, concurrent=1, queue_wait_ms=5000)
            blue = serving("blue", it.containers["blue"], requests=limits)
            await it.serve(blue)
            await it.serve(serving("green", green))
            pool = it.router.pools["blue"]
            calls = [asyncio.ensure_future(it.post(b"1")), asyncio.ensure_future(it.post(b"2"))]
            await it.until(lambda: len(pool.waiting) == 1)
            it.endpoints.change("iris", lambda state: state.without("blue"))
            await it.router.renew()
            await it.containers["blue"].stop()  # as the command does now
            assert sorted((status, body) for status, _, body in await asyncio.gather(*calls)) == [
                (200, b"1"),
                (200, b"2"),
            ]

    run(scenario())


def test_a_mirrored_request_follows_no_redirection(tmp_path: Path) -> None:
    async def elsewhere(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": other.address_of("/elsewhere")})

    class Other(Container):
        def address_of(self, path: str) -> str:
            return f"http://{self.address.host}:{self.address.port}{path}"

    other = Other("other")

    async def scenario() -> None:
        async with bench(tmp_path, Container("blue"), Container("green", elsewhere), other) as it:
            await it.serve(serving("green", it.containers["green"]))
            await it.change(mirror={"green": 100})
            await it.post()
            await it.until(lambda: bool(it.router.pools["green"].statuses))
            assert it.router.pools["green"].statuses == {424: 1}
            assert other.requests == []

    run(scenario())


def test_who_asks_before_sending_is_told_to_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            for body in (b"{}", b"x" * 100_000):
                answer = await asyncio.wait_for(
                    _raw(it, head="Expect: 100-continue\r\n", body=body, expect=True), 2
                )
                assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
            assert [len(body) for _, _, body in blue.requests] == [2, 100_000]
            assert not any("Expect" in headers for headers in blue.headers)

    run(scenario())


def test_a_target_that_names_the_host_too_goes_to_its_path(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            answer = await _raw(it, target=f"http://127.0.0.1:{it.state.port}/score?a=1%2F2")
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert [path for _, path, _ in blue.requests] == ["/score?a=1%2F2"]

    run(scenario())


def test_a_key_in_the_path_is_not_written_down(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with bench(tmp_path, blue := Container("blue")) as it:
            await it.serve(serving("blue", blue, recorded=True))
            await it.post(path=f"/score?code={it.state.primary}")
            return it.state.primary

    key = asyncio.run(scenario())
    (written,) = (tmp_path / "records").glob("*.json")
    text = written.read_text()
    assert key not in text
    assert json.loads(text)["request"]["path"] == "/score?code=[redacted]"


def test_a_record_that_cannot_be_written_leaves_nothing_and_ends_nothing(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            await it.serve(serving("blue", blue, recorded=True))
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # a record is longer
            try:
                assert (await it.post())[0] == 200
                await it.until(lambda: bool(it.said))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert list((tmp_path / "records").iterdir()) == []
            assert (await it.post())[0] == 200
            said.extend(it.said)

    run(scenario())
    assert ["could not be kept" in each for each in said] == [True]
    assert [each.suffix for each in (tmp_path / "records").iterdir()] == [".json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_log_on_a_full_disk_ends_nothing() -> None:
    program = (
        "from toolkit.live.router.__main__ import _say\n_say('lost')\n_say('lost')\nprint('on')"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.stdout == b"on\n"


def test_a_caller_that_leaves_in_the_middle_frees_the_replica(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, Container("blue")) as it:
            _, writer = await asyncio.open_connection("127.0.0.1", it.state.port)
            writer.write(
                f"POST /score HTTP/1.1\r\nHost: iris\r\nAuthorization: Bearer "
                f"{credential(it.state)}\r\nContent-Length: 100000\r\n\r\nhalf".encode()
            )
            await it.until(lambda: it.router.pools["blue"].active == 1)
            writer.close()
            await it.until(lambda: it.router.pools["blue"].active == 0)
            async with aiohttp.ClientSession() as session:
                headers = {"Authorization": f"Bearer {credential(it.state)}"}
                async with session.post(f"{it.state.url}/score", headers=headers) as answer:
                    assert answer.status == 200

    run(scenario())
