"""`aml-emu serve` as a user runs it: a process in the foreground, its output, Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

from tests.dap import DapSession
from tests.project import Outcome
from toolkit.engines.ports import free_port

START_SECONDS = 180.0
CHANGE_SECONDS = 30.0

ENV_YML = """
name: tiny
dependencies:
  - python=3.11
  - pip
  - pip:
      - azureml-inference-server-http==1.5.1
"""
SCORE_PY = """
import json

def init():
    global factor
    factor = 2

def run(raw_data):
    number = json.loads(raw_data)["number"]
    doubled = number * factor
    return {"answer": doubled}
"""


class Reply:
    """An HTTP answer: status, headers by lower-case name, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """One running `serve`; leaves as Ctrl-C does at the end of the `with` block."""

    def __init__(
        self,
        project: Path,
        *flags: str,
        script: str = "score.py",
        name: str,
        environ: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        """`command` replaces what is run, with the ports as its last flags; the rest stays."""
        self.project = project
        self.name = name
        self.port, self.debug_port = free_port(), free_port()
        ports = ["--port", str(self.port), "--debug-port", str(self.debug_port)]
        serve = [
            sys.executable, "-m", "toolkit.cli", "serve", script, "--env", "env.yml",
            "--name", name, *ports, *flags,
        ]  # fmt: skip
        self._command = [*command, f"ARGS={' '.join(ports)}"] if command else serve
        self._environ = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._news = threading.Condition()
        self._text = {"out": "", "err": ""}
        self._process: subprocess.Popen[str]
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_for_line(f"`{self.name}` serves ")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def start(self) -> None:
        """Start it and do not wait for anything."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self.project,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(channel, pipe), daemon=True)
            for channel, pipe in (("out", self._process.stdout), ("err", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """As a terminal does it: the signal reaches the whole process group."""
        os.killpg(self._process.pid, number)

    def wait(self, timeout: float = START_SECONDS) -> Outcome:
        """How it ended."""
        code = self._process.wait(timeout)
        for reader in self._readers:
            reader.join(5)
        return Outcome(exit_code=code, out=self._text["out"], err=self._text["err"])

    def end(self) -> Outcome:
        if self._process.poll() is None:
            self.interrupt()
        return self.wait(30)

    def wait_for_line(self, pattern: str, timeout: float = START_SECONDS) -> str:
        """The first line of stderr that matches; fails with what there was instead."""
        found = self._until(lambda: re.search(f".*{pattern}.*", self._text["err"]), timeout)
        assert found, f"no line like {pattern!r}:\n{self._text['err']}\n{self._text['out'][-3000:]}"
        return str(found[0])

    def wait_for_output(self, text: str, timeout: float = START_SECONDS) -> None:
        """Return once the service itself has printed `text`."""
        found = self._until(lambda: text in self._text["out"], timeout)
        assert found, f"no {text!r}:\n{self._text['err']}\n{self._text['out'][-3000:]}"

    def count(self, pattern: str) -> int:
        """How many lines of stderr match."""
        return len(re.findall(pattern, self._text["err"]))

    def wait_for_count(self, pattern: str, count: int, timeout: float = CHANGE_SECONDS) -> None:
        self._until(lambda: self.count(pattern) >= count or None, timeout)
        assert self.count(pattern) == count, self._text["err"]

    @property
    def output(self) -> str:
        """What the service itself printed."""
        return self._text["out"]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def score(self, document: object) -> Any:
        reply = self.request(
            "POST", "/score", json.dumps(document).encode(), {"Content-Type": "application/json"}
        )
        assert reply.status == 200, reply.body
        return reply.json()

    def score_later(self, document: object) -> Callable[[], Any]:
        """Send now, from a thread; the result is fetched with a call."""
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(self.score(document)))
        thread.start()

        def fetch() -> Any:
            thread.join(60)
            assert answers, "the request has no answer"
            return answers[0]

        return fetch

    def wait_for_answer(
        self, document: object, wanted: object, timeout: float = CHANGE_SECONDS
    ) -> None:
        """Ask until the answer is `wanted`."""
        deadline = time.monotonic() + timeout
        while (answer := self.score(document)) != wanted:
            assert time.monotonic() < deadline, f"still {answer}: {self._text['err']}"

    def debug(self, code: Path | None = None) -> DapSession:
        """A client attached to it; `code` is the script's folder if it is not the project."""
        mappings = [(str(code or self.project), "/var/azureml-app")]
        return DapSession("127.0.0.1", self.debug_port, path_mappings=mappings)

    def _until(self, found: Callable[[], Any], timeout: float) -> Any:
        deadline = time.monotonic() + timeout
        with self._news:
            while not (value := found()):
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    return found()
                self._news.wait(min(left, 0.2))
        return value

    def _read(self, channel: str, pipe: Any) -> None:
        with pipe:
            for line in pipe:
                with self._news:
                    self._text[channel] += line
                    self._news.notify_all()
