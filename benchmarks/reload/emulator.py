"""`aml-emu serve` as a user runs it: a process in the foreground that watches the project."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks.reload.project import Project
from benchmarks.reload.subject import Running, Subject
from benchmarks.reload.traffic import ask, wait_until
from toolkit.engines.docker import DockerEngine
from toolkit.engines.ports import free_port
from toolkit.live.service import the_service

START_SECONDS = 180.0
MODES = ("fork", "swap", "restart")
DEBUGGERS = ("off", "listening", "attached")


def subjects() -> list[Subject]:
    """Every mode with every state of the debugger."""
    return [
        Subject(
            name=f"aml-emu {mode}",
            start=partial(serve, flags=flags(mode, debugger)),
            debugger=debugger,
            is_slow=mode == "restart",
        )
        for debugger in DEBUGGERS
        for mode in MODES
    ]


def leave_cleanly() -> None:
    """A `kill`, and Ctrl-C even in a shell's background, take away what was started."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def flags(mode: str, debugger: str) -> tuple[str, ...]:
    return ("--watch", "--reload", mode, *(() if debugger == "off" else ("--debug",)))


@contextmanager
def serve(project: Project, *, flags: tuple[str, ...]) -> Iterator[Running]:
    """A service of its own name and ports; gone at the end of the block."""
    name = f"test-bench-{secrets.token_hex(4)}"
    port, debug_port = free_port(), free_port()
    command = [
        sys.executable, "-m", "toolkit.cli", "serve", "score.py", "--env", "env.yml",
        "--model", "model", "--name", name, "--port", str(port), "--debug-port", str(debug_port),
        *flags,
    ]  # fmt: skip
    log = project.folder.parent / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=project.folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_ready(process, project, port, log)
        handle = the_service(DockerEngine(os.environ), name).handle
        yield Running(handle=handle, port=port, debug_port=debug_port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_ready(process: subprocess.Popen[bytes], project: Project, port: int, log: Path) -> None:
    def settled() -> bool:
        ended = process.poll() is not None
        return ended or ask(port, project.request, timeout=2.0).version == project.version

    if not wait_until(settled, START_SECONDS) or process.poll() is not None:
        raise RuntimeError(f"`serve` does not answer:\n{log.read_text(errors='replace')[-3000:]}")
