"""`aml-emu serve` of the example, as a user runs it on one of the engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines.sides import Side
from benchmarks.reload.project import Project
from benchmarks.reload.traffic import ask
from toolkit.engines.ports import free_port

START_SECONDS = 180.0
_BREATH = 0.01


@dataclass(frozen=True)
class Started:
    """A service that answers. `seconds` passed from the start of the command to the answer."""

    port: int
    seconds: float


@contextmanager
def serve(side: Side, project: Project, *flags: str) -> Iterator[Started]:
    """A service of its own name and ports; gone at the end of the block."""
    name = f"test-bench-{os.urandom(4).hex()}"
    port, debug_port = free_port(), free_port()
    command = [
        sys.executable, "-m", "toolkit.cli", "serve", "score.py", "--env", "env.yml",
        "--model", "model", "--name", name, "--port", str(port), "--debug-port", str(debug_port),
        *side.flags, *flags,
    ]  # fmt: skip
    log = project.folder.parent / f"{name}.log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=dict(side.environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_answer(process, project, port, log)
        yield Started(port, time.monotonic() - started)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_for_answer(
    process: subprocess.Popen[bytes], project: Project, port: int, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while ask(port, project.request, timeout=2.0).version != project.version:
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-3000:]
            raise SystemExit(f"`serve` does not answer:\n{said}")
        time.sleep(_BREATH)
