"""One line more in env.yml while `aml-emu serve --watch` runs: from the save to the answer."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from benchmarks.build import typical
from benchmarks.build.ours import environ
from toolkit.engines.ports import free_port

_LONGEST = 300.0
_BUILT = "image for the next start: "


class Serving:
    """A service in the foreground of another process."""

    def __init__(self, project: Path, name: str, port: int, narration: IO[str]) -> None:
        self._project, self._name, self._port = project, name, port
        self._images = 0
        self._news = threading.Condition()
        threading.Thread(target=self._read, args=(narration,), daemon=True).start()

    def seconds_until_served(self, *further: str) -> float:
        """Save `env.yml` with these packages; until an answer lists the last of them."""
        wanted = further[-1].partition("==")[0]
        started = time.monotonic()
        typical.write_project(self._project, self._name, *further)
        while wanted not in (self.answer() or ()):
            if time.monotonic() - started > _LONGEST:
                raise SystemExit(f"never served: {wanted}")
        return time.monotonic() - started

    def wait_for_images(self, count: int) -> None:
        """Until so many images were built behind: a save that meets a build is another matter."""
        with self._news:
            if not self._news.wait_for(lambda: self._images >= count, _LONGEST):
                raise SystemExit("the image for the next start is never built")

    def _read(self, narration: IO[str]) -> None:
        for line in narration:
            with self._news:
                self._images += _BUILT in line
                self._news.notify_all()

    def answer(self) -> list[str] | None:
        """The packages that the service sees; None while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("POST", "/score", b"{}", {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return [str(name) for name in json.loads(reply.read())] if reply.status == 200 else None
        except (OSError, http.client.HTTPException):
            threading.Event().wait(0.02)
            return None
        finally:
            connection.close()


@contextmanager
def serving(project: Path, name: str) -> Iterator[Serving]:
    port = free_port()
    argv = [
        sys.executable, "-m", "toolkit.cli", "serve", "score.py", "--env", "env.yml",
        "--name", name, "--port", str(port),
    ]  # fmt: skip
    process = subprocess.Popen(
        argv,
        cwd=project,
        env=environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    service = Serving(project, name, port, cast("IO[str]", process.stderr))
    try:
        deadline = time.monotonic() + _LONGEST
        while service.answer() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the service does not start")
        yield service
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
