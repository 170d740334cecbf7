"""Routers as processes: who may have an endpoint, and what a command does when that is another."""

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace
from typing import cast

import pytest

from tests.fakes import FakeEngine, wait_for
from tests.unit.live.router.bench import serving
from toolkit.engines.ports import free_port
from toolkit.errors import NotReady
from toolkit.live.deployment import _hand_over as hand_over
from toolkit.live.endpoint import Endpoints, EndpointState
from toolkit.live.lookup import Found
from toolkit.live.rollout import Rollout
from toolkit.live.router.process import ask, is_up, start_router, wait_for_router
from toolkit.settings import Settings
from toolkit.specs.endpoint import Endpoint


def _endpoints(folder: Path) -> Endpoints:
    endpoints = Endpoints(folder / ".aml-emu")
    endpoints.ensure(Endpoint(name="iris"), port=free_port)
    return endpoints


@contextmanager
def _stranger(answer: bytes) -> Iterator[int]:
    """Somebody else's server, on the port it returns."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its real name
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_two_commands_at_once_get_one_router(tmp_path: Path) -> None:
    endpoints, started = _endpoints(tmp_path), list[Popen[bytes]]()
    together = threading.Barrier(2)

    def command(_number: int) -> EndpointState:
        together.wait()
        if process := start_router(endpoints, "iris", engine="process"):
            started.append(process)
        together.wait()  # as a command launches its containers meanwhile, which takes longer
        assert wait_for(lambda: sum(each.poll() is None for each in started) == 1, timeout=10)
        return wait_for_router(endpoints, "iris", process, engine="process")

    try:
        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(command, range(2))
        state = endpoints.get("iris")
        assert first.port == second.port == state.port
        told = ask(state, "status")
        assert told
        assert told["pid"] in {process.pid for process in started}
        assert is_up(state)
    finally:
        ask(endpoints.get("iris"), "stop")
        codes = sorted(process.wait(10) for process in started)
    assert codes == [0]
    assert not is_up(endpoints.get("iris"))


def test_a_router_moves_away_from_a_port_that_a_stranger_has(tmp_path: Path) -> None:
    endpoints = _endpoints(tmp_path)
    with _stranger(b"[]") as port:
        state = endpoints.change("iris", lambda found: replace(found, port=port))
        assert ask(state, "status") is None
        process = start_router(endpoints, "iris", engine="process")
        assert process
        moved = wait_for_router(endpoints, "iris", process, engine="process")
        assert moved.port != port
        ask(moved, "stop")
        assert process.wait(10) == 0


def test_a_hand_over_that_fails_leaves_the_endpoint_as_it_was(tmp_path: Path) -> None:
    endpoints = _endpoints(tmp_path)
    before = serving("blue", fingerprint="old")
    endpoints.change("iris", lambda found: found.with_serving(before))
    found = SimpleNamespace(deployment=SimpleNamespace(name="blue"))
    rollout = Rollout(
        found=cast("Found", found),
        endpoint=Endpoint(name="iris"),
        engine=FakeEngine(),
        settings=Settings(project=tmp_path),
        say=print,
    )
    with pytest.raises(NotReady, match="does not answer"):
        hand_over(rollout, serving("blue", fingerprint="new"))
    assert endpoints.get("iris").deployments == {"blue": before}
