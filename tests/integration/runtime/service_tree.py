"""The inference layout under runsvdir in a temporary folder: the scripts are those of an image."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import toolkit.runtime
from tests.dap import DapSession

T = TypeVar("T")

RUNTIME = Path(toolkit.runtime.__file__).parent
TEMPLATES = RUNTIME.parents[1] / "templates" / "runit"
# The Python environment that serves; another one than that of the tests when it is named.
ENVIRONMENT = Path(os.environ.get("RUNTIME_TEST_ENVIRONMENT", sys.prefix))
DEBUGPY = next(ENVIRONMENT.glob("lib/python3*/site-packages/debugpy"))
TOKEN = "a-token"  # a fixed one: the ports live for seconds, on loopback

SCORE = """\
import json

model = None

def init():
    global model
    model = {"weight": 2}

def run(data):
    x = json.loads(data)["x"]
    y = x * model["weight"]
    return {"y": y, "version": 1}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(fact: Callable[[], T | None], what: str, timeout: float = 20.0) -> T:
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        pause.wait(0.01)


class ServiceTree:
    """One runit tree with its app folder; `start` brings it up, `stop` leaves nothing behind."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.app = folder / "app"
        self.home = folder / "aml-emu"
        self.state = folder / "state"
        self.tree = folder / "runit"
        self.log = folder / "log.txt"
        self.port, self.debug_port, self.control_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            "PATH": f"{ENVIRONMENT / 'bin'}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "SVDIR": str(self.tree),
            "AML_APP_ROOT": str(self.app),
            "AZUREML_CONDA_ENVIRONMENT_PATH": str(ENVIRONMENT),
            "AZUREML_ENTRY_SCRIPT": "score.py",
            "AML_EMU_HOME": str(self.home),
            "AML_EMU_STATE": str(self.state),
            "AML_EMU_HOST": "127.0.0.1",
            "AML_EMU_SERVER_PORT": str(self.port),
            "AML_EMU_DEBUG_PORT": str(self.debug_port),
            "AML_EMU_CONTROL_PORT": str(self.control_port),
            "AML_EMU_CONTROL_TOKEN": TOKEN,
            "GUNICORN_CMD_ARGS": f"--config {self.home}/lib/aml_emu/gunicorn_conf.py",
            **environment,
        }
        self._lay_out()
        self.write("score.py", SCORE)

    def _lay_out(self) -> None:
        for folder in (self.app, self.home / "lib", self.home / "debugpy", self.state, self.tree):
            folder.mkdir(parents=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(RUNTIME, self.home / "lib" / "aml_emu", ignore=ignored)
        (self.home / "debugpy" / "debugpy").symlink_to(DEBUGPY)
        services = ["gunicorn"]
        if any(self._environment.get(name) for name in ("AML_EMU_DEBUG", "AML_EMU_RELOAD")):
            services.append("aml-emu")
        for service in services:
            (self.tree / service).mkdir()
            for script in ("run", "finish"):
                target = self.tree / service / script
                shutil.copy(TEMPLATES / service / f"{script}.j2", target)
                target.chmod(0o755)

    def start(self, *, ready: bool = True) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["runsvdir", str(self.tree)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if ready:
            self.wait_ready()

    def stop(self) -> None:
        """End the tree as a stopped container does, then whatever of its processes is left."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGHUP)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        for pid in self._leftovers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(5)

    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def wait_ready(self, timeout: float = 30.0) -> None:
        try:
            wait_until(self.is_healthy, "the server is ready", timeout)
            if (self.tree / "aml-emu").exists():
                wait_until(self.agent_answers, "the agent is ready", timeout)
                wait_until(self.ready_workers, "the agent knows a ready worker", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_text()}") from error

    def agent_answers(self) -> bool:
        try:
            return bool(self.ask("ping").get("ok"))
        except OSError:
            return False

    def is_healthy(self) -> bool:
        try:
            return self.call("GET", "/", timeout=1)[0] == 200
        except OSError:
            return False

    def call(
        self, method: str, path: str, body: str | None = None, *, timeout: float = 20.0
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def score(self, x: Any = 1, *, timeout: float = 20.0) -> Any:
        status, text = self.call("POST", "/score", json.dumps({"x": x}), timeout=timeout)
        assert status == 200, text
        return json.loads(text)

    def score_later(self, x: Any = 1) -> Later:
        return Later(lambda: self.call("POST", "/score", json.dumps({"x": x}), timeout=60))

    def edit(self, name: str, *replacements: tuple[str, str]) -> None:
        """Replace texts in a file of the app, each of which must be there."""
        path = self.app / name
        text = path.read_text()
        for old, new in replacements:
            assert old in text, f"not in {name}: {old}"
            text = text.replace(old, new)
        path.write_text(text)

    def write(self, name: str, text: str) -> Path:
        path = self.app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def ask(self, op: str, *, timeout: float = 60.0, **fields: Any) -> dict[str, Any]:
        request = {"token": TOKEN, "op": op, **fields}
        with (
            socket.create_connection(("127.0.0.1", self.control_port), timeout) as connection,
            connection.makefile("rwb") as stream,
        ):
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            line = next((line for line in stream if line.strip()), b"")  # others: signs of life
        assert line, "the control port closed without an answer"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def ready_workers(self) -> list[int]:
        return [worker["pid"] for worker in self.status()["workers"] if worker["ready"]]

    def reload(self, *names: str, mode: str | None = None) -> dict[str, Any]:
        paths = [str(self.app / name) for name in names or ("score.py",)]
        return self.ask("reload", paths=paths, mode=mode)

    def reload_later(self, *names: str, mode: str | None = None) -> LaterReload:
        return LaterReload(lambda: self.reload(*names, mode=mode))

    def debug(self, **options: Any) -> DapSession:
        return DapSession("127.0.0.1", self.debug_port, **options)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _leftovers(self) -> Iterator[int]:
        """The processes that carry this tree's SVDIR in their environment."""
        mark = f"SVDIR={self.tree}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


class Later:
    """An answer that is being waited for in another thread."""

    def __init__(self, ask: Callable[[], tuple[int, str]]) -> None:
        self._answer: tuple[int, str] | None = None
        self._error: Exception | None = None
        self._ask = ask
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except OSError as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self, timeout: float = 20.0) -> tuple[int, str]:
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        assert self._answer is not None, f"no answer within {timeout:g} s"
        return self._answer

    def json(self, timeout: float = 20.0) -> Any:
        status, text = self.result(timeout)
        assert status == 200, text
        return json.loads(text)


class LaterReload:
    """A reload that is being waited for in another thread."""

    def __init__(self, reload: Callable[[], dict[str, Any]]) -> None:
        self._answer: dict[str, Any] | None = None
        self._reload = reload
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._answer = self._reload()

    def finished_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answer(self, timeout: float = 20.0) -> dict[str, Any]:
        assert self.finished_within(timeout), f"no answer within {timeout:g} s"
        assert self._answer is not None, "the reload broke off"
        return self._answer
