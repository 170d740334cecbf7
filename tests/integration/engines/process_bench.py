"""Launches of the process engine in tests: one cache a session, everything ended afterwards."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
import pytest

from toolkit.engines.base import BuildOptions, Handle
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import Rung, choose
from toolkit.plans.emulation import DEBUGPY_VERSION
from toolkit.plans.model import Contents, ImagePlan, LaunchPlan, PlacedFile
from toolkit.settings import DEFAULT_BASE

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
TREE = PurePosixPath("/var/runit")
CONTENTS = Contents(
    prefix=PurePosixPath("/azureml-envs/bench"),
    python=PYTHON,
    lock="",
    debugpy=PurePosixPath("/opt/aml-emu/debugpy"),
    debugpy_version=DEBUGPY_VERSION,
    env={},
    paths_first={"PATH": PurePosixPath("/azureml-envs/bench/bin")},
    files=(),
    folders=(TREE,),
    command=("sleep", "600"),
    working_dir=PurePosixPath("/"),
)
PLAN = ImagePlan(name="bench", base=DEFAULT_BASE, dockerfile="", contents=CONTENTS)


def with_lock(lock: str, **contents: Any) -> ImagePlan:
    """A plan whose environment holds this lock's packages."""
    return replace(PLAN, dockerfile=lock, contents=replace(CONTENTS, lock=lock, **contents))


def needs(rung: Rung, request: pytest.FixtureRequest) -> None:
    """Skip, or with --require-docker fail, where this rung cannot be had."""
    if rung != "plain" and choose(os.environ, [rung, "plain"]).rung != rung:
        missing = f"the sandbox `{rung}` does not work on this machine"
        if request.config.getoption("--require-docker"):
            pytest.fail(f"{missing}, and --require-docker was passed", pytrace=False)
        pytest.skip(f"{missing} (--require-docker makes this a failure)")


@dataclass
class ProcessBench:
    cache: Path
    rung: Rung = "bwrap"
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    launched: list[Handle] = field(default_factory=list)

    @property
    def engine(self) -> ProcessEngine:
        """A new one each time, as each command of the user makes one."""
        return ProcessEngine(self.environ, cache=self.cache, rungs=(self.rung,))

    def plan(self, *command: str, **fields: Any) -> LaunchPlan:
        tag = self.engine.build(PLAN, BuildOptions(), lambda _: None).tag
        values = {"kind": "run", "name": f"test-{os.urandom(4).hex()}", "image": tag, **fields}
        return LaunchPlan(command=command, **values)

    def launch(self, *command: str, **fields: Any) -> Handle:
        handle = self.engine.launch(self.plan(*command, **fields))
        self.launched.append(handle)
        return handle

    def close(self) -> None:
        for handle in self.launched:
            handle.stop(grace=0)


def service(name: str, script: str, *, run: str, tree: PurePosixPath = TREE) -> PlacedFile:
    """One script of a runit service."""
    return PlacedFile(path=tree / name / script, content=f"#!/bin/sh\n{run}\n".encode(), mode=0o755)


def processes_of(handle: Handle) -> list[psutil.Process]:
    """All processes of a launch that live, its keeper first."""
    folder = handle.name.removeprefix("aml-emu-")
    keepers = [
        process
        for process in psutil.process_iter()
        if _words(process)[-1:]
        and f"/run/{folder}" in " ".join(_words(process))
        and "inside.keeper" in " ".join(_words(process))
    ]
    assert len(keepers) == 1, f"not one keeper: {keepers}"
    return [keepers[0], *keepers[0].children(recursive=True)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return False


def soon(fact: Callable[[], Any], timeout: float = 10.0) -> bool:
    """Whether the fact comes true before the time is over."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


def said(handle: Handle) -> str:
    return b"".join(handle.logs()).decode()


def described(plan: LaunchPlan) -> str:
    """For a command of its own that launches it."""
    return json.dumps({"name": plan.name, "image": plan.image, "command": plan.command})
