"""Engines made ready for the contract: each with an image, and programs to launch from it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fakes import Daemon, FakeEngine, Script, http_status
from toolkit.engines.base import BuildOptions, Engine, Handle
from toolkit.engines.docker import DockerEngine
from toolkit.live.readiness import answers, retry_until
from toolkit.plans.model import ImagePlan, LaunchPlan

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
SERVER = Program(
    command=("python3", "-m", "http.server", str(PORT), "--directory", "/opt"),
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


@dataclass
class DockerBench:
    engine: DockerEngine
    fresh_name: Callable[[], str]
    base: str
    image: str
    launched: list[Handle] = field(default_factory=list)

    def other_process(self) -> Engine:
        return DockerEngine(os.environ)

    def name(self) -> str:
        return self.fresh_name()

    def image_plan(self, line: str = "") -> ImagePlan:
        return image_plan(self.name(), self.base, line)

    def launch(self, program: Program, **fields: Any) -> Handle:
        handle = self.engine.launch(launch_plan(self, program, **fields))
        self.launched.append(handle)
        return handle

    def close(self) -> None:
        for handle in self.launched:
            handle.stop(grace=0)


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
