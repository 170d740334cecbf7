"""A container that `docker run` started: nothing of aml-emu stands by."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.dap import DapError, DapSession

START_SECONDS = 60.0


class Standalone:
    """One running container and its published scoring port."""

    def __init__(self, name: str) -> None:
        self.name = name

    def port(self, container: int) -> int:
        said = docker("port", self.name, f"{container}/tcp")
        return int(said.split()[0].rpartition(":")[2])

    @property
    def mounts(self) -> list[Any]:
        found = json.loads(docker("inspect", self.name))[0]["Mounts"]
        assert isinstance(found, list)
        return found

    def inside(self, *command: str) -> str:
        return docker("exec", self.name, *command)

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._ask("GET", "/", b"") != (200, b"Healthy"):
            is_running = docker("inspect", "--format", "{{.State.Running}}", self.name)
            assert is_running == "true\n", f"it has ended:\n{self.logs()}"
            assert time.monotonic() < deadline, f"it does not answer:\n{self.logs()}"
            threading.Event().wait(0.1)

    def score(self, document: object) -> Any:
        status, body = self._ask("POST", "/score", json.dumps(document).encode())
        assert status == 200, f"{body!r}\n{self.logs()}"
        return json.loads(body)

    def logs(self) -> str:
        done = subprocess.run(
            ["docker", "logs", self.name], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        try:
            port = self.port(5001)
        except AssertionError:
            return 0, b""  # it has ended
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


@contextmanager
def run_image(
    image: str, *flags: str, command: tuple[str, ...] = (), healthy: bool = True
) -> Iterator[Standalone]:
    """`docker run -d -p …:5001 FLAGS IMAGE COMMAND`; removed at the end."""
    name = f"aml-emu-test-{os.urandom(4).hex()}"
    docker(
        "run", "--detach", "--name", name, "--publish", "127.0.0.1::5001", *flags, image, *command
    )
    try:
        running = Standalone(name)
        if healthy:
            running.wait_until_healthy()
        yield running
    finally:
        docker("rm", "--force", "--volumes", name)


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def later(ask: Callable[[], Any]) -> Callable[[], Any]:
    """Ask now, from a thread; the answer is fetched with a call."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()

    def fetch() -> Any:
        thread.join(60)
        assert answers, "the request has no answer"
        return answers[0]

    return fetch


@contextmanager
def attached(port: int, mappings: list[tuple[str, str]]) -> Iterator[DapSession]:
    """A client of a debugger that may still be starting."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            session = DapSession("127.0.0.1", port, path_mappings=mappings).__enter__()
            break
        except (OSError, DapError):
            assert time.monotonic() < deadline, "no debugger answers"
            threading.Event().wait(0.2)
    try:
        yield session
    finally:
        session.__exit__(None, None, None)
