"""Requests at a steady rate for a long time, with a reload every ten seconds: none may be lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.router.costs import timed
from benchmarks.router.emulated import Emulated

PER_SECOND = 50
RELOAD_SECONDS = 10.0
THREADS = 32


def soak(emulated: Emulated, *, minutes: float) -> dict[str, Any]:
    """The deployment is attended, so that saved code is taken in."""
    emulated.command("stop", "aml-emu-test-router.blue")
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "deploy", "blue.yml", "--engine", emulated.engine],
        cwd=emulated.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line)
            if "Ctrl-C" in line:
                ready.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        if not ready.wait(180):
            raise RuntimeError("".join(said))
        outcome = _drive(emulated, minutes * 60)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    reloads = sum("reloaded" in line for line in said)
    return {**outcome, "reloads": reloads, "minutes": minutes, "per_second": PER_SECOND}


def _drive(emulated: Emulated, seconds: float) -> dict[str, Any]:
    body, headers, port = emulated.body, emulated.headers, emulated.state.port
    script = emulated.project / "code" / "score.py"
    problems: Counter[str] = Counter()
    times: list[float] = []

    def one() -> None:
        try:
            times.append(timed(port, body, headers))
        except (OSError, RuntimeError) as error:
            problems[str(error)] += 1

    began, reload_at = time.monotonic(), RELOAD_SECONDS
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(int(seconds * PER_SECOND)):
            due = began + number / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            threads.submit(one)
            if time.monotonic() - began > reload_at:
                reload_at += RELOAD_SECONDS
                script.write_text(script.read_text("utf-8") + f"\n# {number}\n", "utf-8")
    times.sort()
    return {
        "requests": len(times) + sum(problems.values()),
        "lost": sum(problems.values()),
        "problems": dict(problems),
        "p50_ms": round(times[len(times) // 2], 2),
        "p99_ms": round(times[int(len(times) * 0.99)], 2),
        "max_ms": round(times[-1], 2),
    }
