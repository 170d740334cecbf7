"""Engines made ready for the contract: each with an image, and programs to launch from it."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tests.fakes import Daemon, FakeEngine, Script, http_status
from toolkit.engines.base import BuildOptions, Engine, Handle
from toolkit.engines.docker import DockerEngine
from toolkit.engines.events import BuildEvent
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import Rung
from toolkit.live.readiness import answers, retry_until
from toolkit.plans.emulation import DEBUGPY_VERSION
from toolkit.plans.model import Contents, ImagePlan, LaunchPlan
from toolkit.settings import DEFAULT_BASE

PORT = 5001
TEST_LABEL = "io.aml-emu.test"
PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to launch: a command for engines that run one, a script for the one that pretends."""

    command: tuple[str, ...]
    script: Script = field(default_factory=Script)


def shell(text: str) -> Program:
    """Any shell command; there is nothing that a fake could do with it."""
    return Program(command=("sh", "-c", text))


IDLE = shell("trap 'exit 0' TERM; sleep 600 & wait")
STUBBORN = shell("trap '' TERM; echo started; while :; do sleep 600; done")
# Listens where it is told, for engines whose launches share this machine's network.
PORT_VARIABLE, INTERFACE_VARIABLE = "TEST_PORT", "TEST_INTERFACE"
SERVER = Program(
    command=(
        "sh",
        "-c",
        f'exec python3 -m http.server "${{{PORT_VARIABLE}:-{PORT}}}" '  # noqa: ISC004  # one word
        f'--bind "${{{INTERFACE_VARIABLE}:-0.0.0.0}}" --directory /opt',
    ),
    script=Script(answers={PORT: http_status(200)}),
)


def saying(text: str, *, exit_code: int | None = 0) -> Program:
    """Writes to stdout and ends, or stays where `exit_code` is None."""
    then = "sleep 600" if exit_code is None else f"exit {exit_code}"
    return Program(
        command=("sh", "-c", f"printf '%s' \"$0\"; {then}", text),
        script=Script(log=text.encode(), exit_code=exit_code),
    )


class Bench(Protocol):
    """An engine, an image that is on it, and a way to launch things that are cleaned up."""

    @property
    def engine(self) -> Engine: ...
    @property
    def image(self) -> str: ...

    def other_process(self) -> Engine:
        """An engine object of its own, as a later command of the user would make it."""
        ...

    def name(self) -> str:
        """A name that nobody uses."""
        ...

    def image_plan(self, line: str = "") -> ImagePlan: ...
    def launch(self, program: Program, **fields: Any) -> Handle: ...


@dataclass
class FakeBench:
    engine: FakeEngine = field(default_factory=lambda: FakeEngine(known=["base:1"]))
    image: str = ""

    def __post_init__(self) -> None:
        self.image = self.engine.build(self.image_plan(), BuildOptions(), print).tag

    @property
    def daemon(self) -> Daemon:
        return self.engine.daemon

    def other_process(self) -> Engine:
        return FakeEngine(daemon=self.daemon)

    def name(self) -> str:
        return f"test-{os.urandom(4).hex()}"

    def image_plan(self, line: str = "") -> ImagePlan:
        return image_plan(self.name(), "base:1", line)

    def launch(self, program: Program, **fields: Any) -> Handle:
        self.engine.script = program.script
        return self.engine.launch(launch_plan(self, program, **fields))

    def close(self) -> None:
        self.engine.close()


class Launched:
    """What really runs because of a bench, until it is done with."""

    def __init__(self) -> None:
        self._handles: list[Handle] = []

    def add(self, handle: Handle) -> Handle:
        self._handles.append(handle)
        return handle

    def stop(self) -> None:
        for handle in self._handles:
            handle.stop(grace=0)


@dataclass
class DockerBench:
    engine: DockerEngine
    fresh_name: Callable[[], str]
    base: str
    image: str
    launched: Launched = field(default_factory=Launched)

    def other_process(self) -> Engine:
        return DockerEngine(os.environ)

    def name(self) -> str:
        return self.fresh_name()

    def image_plan(self, line: str = "") -> ImagePlan:
        return image_plan(self.name(), self.base, line)

    def launch(self, program: Program, **fields: Any) -> Handle:
        return self.launched.add(self.engine.launch(launch_plan(self, program, **fields)))

    def close(self) -> None:
        self.launched.stop()


@dataclass
class ProcessBench:
    """On one rung of its ladder, with a cache of its own that all benches of a session share."""

    cache: Path
    rung: Rung
    image: str = ""
    launched: Launched = field(default_factory=Launched)

    def __post_init__(self) -> None:
        self.engine = self.other_process()
        self.image = self.engine.build(self.image_plan("shared"), BuildOptions(), _ignore).tag

    def other_process(self) -> Engine:
        return ProcessEngine(os.environ, cache=self.cache, rungs=(self.rung,))

    def name(self) -> str:
        return f"test-{os.urandom(4).hex()}"

    def image_plan(self, line: str = "") -> ImagePlan:
        name = line if line == "shared" else self.name()
        return replace(image_plan(name, DEFAULT_BASE, line), contents=CONTENTS)

    def launch(self, program: Program, **fields: Any) -> Handle:
        return self.launched.add(self.engine.launch(launch_plan(self, program, **fields)))

    def close(self) -> None:
        self.launched.stop()


CONTENTS = Contents(
    prefix=PurePosixPath("/azureml-envs/contract"),
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    lock="",
    debugpy=PurePosixPath("/opt/aml-emu/debugpy"),
    debugpy_version=DEBUGPY_VERSION,
    env={},
    paths_first={"PATH": PurePosixPath("/azureml-envs/contract/bin")},
    files=(),
    folders=(),
    command=("sh",),
    working_dir=PurePosixPath("/"),
)


def _ignore(_: BuildEvent) -> None:
    """What a build says is of no interest here."""


def image_plan(name: str, base: str, line: str = "") -> ImagePlan:
    return ImagePlan(
        name=name,
        base=base,
        dockerfile=f"FROM {base}\n{line}\nCMD {json.dumps(['sh'])}\n",
        labels={TEST_LABEL: name},
    )


def launch_plan(bench: Bench, program: Program, **fields: Any) -> LaunchPlan:
    values: Mapping[str, Any] = {
        "kind": "service",
        "name": bench.name(),
        "image": bench.image,
        "command": program.command,
        "labels": {TEST_LABEL: "contract"},
        "port_variables": {PORT: PORT_VARIABLE, PORT + 1: "TEST_OTHER_PORT"},
        "interface_variable": INTERFACE_VARIABLE,
        **fields,
    }
    return LaunchPlan(**values)


def said(handle: Handle, *, tail: int | None = None) -> str:
    return b"".join(handle.logs(tail=tail)).decode()


def is_ready(handle: Handle) -> bool:
    """Whether the server answers, now or soon."""
    address = handle.address(PORT)
    return retry_until(lambda: answers(address, "/") or None, timeout=PATIENCE) is True


def says(handle: Handle, text: str) -> bool:
    """Whether the text comes in the log, now or soon."""
    return retry_until(lambda: text in said(handle) or None, timeout=PATIENCE) is True


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return True
    return False
