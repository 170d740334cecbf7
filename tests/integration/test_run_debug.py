"""Debugging a run: a real client attaches, stops in the user's local file, and goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from typing_extensions import Self

from tests.dap import DapSession
from tests.fakes import wait_for
from tests.integration.engines.process_bench import needs
from tests.project import Tree, write_tree
from toolkit.settings import cache_folder

ENV_YML = "name: tiny\ndependencies:\n  - python=3.11\n  - pip\n"
TRAIN_PY = """
import sys

def train(rate):
    loss = rate * 2
    return loss

print("loss", train(0.5))
if "--fail" in sys.argv:
    raise ValueError("boom")
"""
LINE = 5  # return loss
# what scripts for remote compute do by themselves
REMOTE_PY = """
import argparse

import debugpy
from azureml.core import Run

flags = argparse.ArgumentParser()
flags.add_argument("--remote_debug", action="store_true")
flags.add_argument("--remote_debug_connection_timeout", type=int, default=300)
flags.add_argument("--remote_debug_client_ip")
flags.add_argument("--remote_debug_port", type=int, default=5678)
asked = flags.parse_args()
run = Run.get_context()
if asked.remote_debug:
    print(f"Timeout for debug connection: {asked.remote_debug_connection_timeout}")
    print(f"ip_address: {asked.remote_debug_client_ip}")
    debugpy.listen(address=(asked.remote_debug_client_ip, asked.remote_debug_port))
    debugpy.wait_for_client()
    print(f"Debugger attached = {debugpy.is_client_connected()}")
answer = 42
print("the answer is", answer)
"""
REMOTE_LINE = REMOTE_PY[: REMOTE_PY.index("answer = 42")].count("\n") + 1
JOB_YML = """
command: python -c 'print("another Python")' && python train.py --fail
code: .
environment: {image: aml-emu/base, conda_file: env.yml}
"""
FILES: Tree = {
    "env.yml": ENV_YML,
    "train.py": TRAIN_PY,
    "remote.py": REMOTE_PY,
    "job.yml": JOB_YML,
}


class Debugged:
    """`aml-emu run … --debug` in the foreground; in a `with` block."""

    def __init__(self, project: Path, engine: tuple[str, ...], name: str, *words: str) -> None:
        self.project = project
        self.name = name
        self._command = [sys.executable, "-m", "toolkit.cli", "run", *words]
        end = self._command.index("--") if "--" in self._command else len(self._command)
        self._command[end:end] = ["--name", name, *engine]
        self._news = threading.Condition()
        self.text = {"out": "", "err": ""}
        self._process: subprocess.Popen[str]
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=self.project,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        pipes = (("out", self._process.stdout), ("err", self._process.stderr))
        self._readers = [
            threading.Thread(target=self._read, args=each, daemon=True) for each in pipes
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        self.wait(30)

    def wait(self, timeout: float = 60) -> int:
        code = self._process.wait(timeout)
        for reader in self._readers:
            reader.join(5)
        return code

    def says(self, pattern: str, channel: str = "err", timeout: float = 120) -> re.Match[str]:
        found: list[re.Match[str]] = []

        def said() -> bool:
            match = re.search(pattern, self.text[channel])
            found[:] = [match] if match else []
            return bool(found) or self._process.poll() is not None

        wait_for(said, timeout=timeout)
        assert found, f"no {pattern!r}: {self.text}"
        return found[0]

    def attach(self, breakpoints: dict[str, list[int]]) -> DapSession:
        where = self.says(r"127\.0\.0\.1:(\d+), (\S+) -> (\S+)")
        lines = {str(Path(where[2]) / name): each for name, each in breakpoints.items()}
        return DapSession(
            "127.0.0.1", int(where[1]), path_mappings=[(where[2], where[3])], breakpoints=lines
        )

    def _read(self, channel: str, pipe: Any) -> None:
        with pipe:
            for line in pipe:
                self.text[channel] += line


Make = Callable[..., Debugged]


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def debug(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """`debug("train.py", "--debug", …)`: not started yet; use it in a `with` block."""
    if request.param == "docker":
        request.getfixturevalue("base_image")
    else:
        needs("bwrap", request)
    project = tmp_path / "project"
    write_tree(project, FILES)

    def make(*words: str) -> Debugged:
        engine = ("--engine", request.param)
        return Debugged(project, engine, f"test-{os.urandom(4).hex()}", *words)

    return make


def test_a_breakpoint_in_a_script_is_hit(debug: Make) -> None:
    with debug("train.py", "--env", "env.yml", "--debug") as run:
        run.says("waiting up to 300 s for a debugger")
        with run.attach({"train.py": [LINE]}) as session:
            stop = session.wait_for_stop(30)
            assert (Path(stop.file).name, stop.line, stop.function) == ("train.py", LINE, "train")
            assert stop.locals()["loss"] == "1.0"
            stop.resume()
            assert run.wait() == 0
        assert "Debugger attached = True\nloss 1.0\n" in run.text["out"]
        launch = json.loads((run.project / ".vscode" / "launch.json").read_text())
        (entry,) = launch["configurations"]
        assert entry["name"].startswith("aml-emu: train.py")  # and the port, if it is another
        assert entry["request"] == "attach"


def test_every_python_of_a_command_is_debugged_until_the_error(debug: Make) -> None:
    with debug("job.yml", "--debug") as run:
        run.says("waiting up to")
        with run.attach({"train.py": [LINE]}) as session:
            stop = session.wait_for_stop(30)
            assert stop.evaluate("rate") == "0.5"
            stop.resume()
            stop = session.wait_for_stop(30)
            assert stop.reason == "exception"
            assert Path(stop.file).name == "train.py"
            stop.resume()
            assert run.wait() == 1
        assert "another Python" in run.text["out"]


def test_without_a_client_it_goes_on_in_time(debug: Make) -> None:
    with debug("train.py", "--env", "env.yml", "--debug", "--wait", "1") as run:
        assert run.wait(120) == 0
        assert "Debugger attached = False\nloss 1.0\n" in run.text["out"]
        assert "nobody attached" in run.text["err"]


@pytest.mark.parametrize("words", [("train.py", "--env", "env.yml"), ("job.yml",)])
def test_an_error_can_be_looked_at_after_a_run_at_full_speed(
    debug: Make, words: tuple[str, ...]
) -> None:
    arguments = ("--", "--fail") if words[0] == "train.py" else ()
    with debug(*words, "--debug-on-error", *arguments) as run:
        run.says("stopped at ValueError: boom")
        run.says("loss 1.0", "out")
        with run.attach({}) as session:
            stop = session.wait_for_stop(30)
            assert stop.reason == "exception"
            assert Path(stop.file).name == "train.py"
            assert "boom" in stop.evaluate("repr(train(0.5)) + 'boom'")
            stop.resume()
            assert run.wait() == 1
        assert run.text["out"].endswith("ValueError: boom\n")


def test_a_script_with_flags_for_remote_debugging_is_attached_to(debug: Make) -> None:
    remote = ("--remote_debug", "--remote_debug_connection_timeout", "60")
    ip = ("--remote_debug_client_ip", "10.3.0.5", "--remote_debug_port", "5678")
    with debug("remote.py", "--env", "env.yml", "--", *remote, *ip) as run:
        run.says("ip_address: 10.3.0.5", "out")
        with run.attach({"remote.py": [REMOTE_LINE]}) as session:
            stop = session.wait_for_stop(30)
            assert (stop.line, stop.evaluate("answer")) == (REMOTE_LINE, "42")
            stop.resume()
            assert run.wait() == 0
        assert "Debugger attached = True\n" in run.text["out"]


def test_a_script_that_waits_by_itself_has_a_real_time_out(debug: Make) -> None:
    remote = ("--remote_debug", "--remote_debug_connection_timeout", "1")
    with debug("remote.py", "--env", "env.yml", "--", *remote) as run:
        assert run.wait(120) == 0
        said = run.text["out"]
        assert "Timeout for debug connection: 1\n" in said
        assert "Debugger attached = False\nthe answer is 42\n" in said


def test_two_runs_are_debugged_side_by_side(debug: Make) -> None:
    words = ("train.py", "--env", "env.yml", "--debug")
    with debug(*words) as first, debug(*words) as second:
        first.says("waiting up to")
        second.says("waiting up to")
        with (
            first.attach({"train.py": [LINE]}) as one,
            second.attach({"train.py": [LINE]}) as two,
        ):
            stops = [one.wait_for_stop(30), two.wait_for_stop(30)]
            for stop in stops:
                assert stop.evaluate("loss") == "1.0"
                stop.resume()
            assert (first.wait(), second.wait()) == (0, 0)


def test_runs_that_start_at_the_same_moment_have_ports_of_their_own(debug: Make) -> None:
    words = ("train.py", "--env", "env.yml", "--debug", "--wait", "1")
    with debug(*words) as a, debug(*words) as b, debug(*words) as c, debug(*words) as d:
        started = (a, b, c, d)
        ports = {run.says(r"127\.0\.0\.1:(\d+), ")[1] for run in started}
        assert len(ports) == 4
        for run in started:
            run.says("nobody attached")
            assert run.wait() == 0


@pytest.mark.parametrize("debug", ["process"], indirect=True)
def test_a_port_that_somebody_takes_meanwhile_is_exchanged(debug: Make) -> None:
    with debug("train.py", "--env", "env.yml", "--debug") as run:
        record = cache_folder(os.environ) / "run" / run.name / "launch.json"
        assert wait_for(record.exists, timeout=60)
        (port,) = json.loads(record.read_text())["ports"].values()
        with (
            socket.create_server(("127.0.0.1", port)),
            run.attach({"train.py": [LINE]}) as session,
        ):
            stop = session.wait_for_stop(30)
            assert stop.evaluate("loss") == "1.0"
            stop.resume()
            assert run.wait() == 0
        told = run.says(r"127\.0\.0\.1:(\d+), ")
        assert int(told[1]) != port


@pytest.mark.parametrize("debug", ["process"], indirect=True)
def test_a_port_that_was_asked_for_and_taken_is_told(debug: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with debug("train.py", "--env", "env.yml", "--debug", "--debug-port", str(port)) as run:
            assert run.wait() == 6
        assert f"port {port} is in use by" in run.text["err"]
