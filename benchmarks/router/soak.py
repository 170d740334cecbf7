"""Requests at a steady rate for a long time, with a reload every ten seconds: none may be lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.router.emulated import Emulated

PER_SECOND = 50
RELOAD_SECONDS = 10.0
THREADS = 64  # more than the router lets wait: what it refuses is counted, not held back here
START_SECONDS = 180.0
AROUND_SECONDS = 2.0  # what is due so long after a save may feel its reload
TOLD_SECONDS = 60.0


@dataclass
class Tally:
    """What became of each request; `sent` holds when it was due and how long after it was done."""

    sent: list[tuple[float, float]] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    def progress(self) -> str:
        lost = sum(self.problems.values())
        why = "; ".join(f"{count} by {each}" for each, count in self.problems.most_common())
        times = sorted(ms for _, ms in self.sent)
        slowest = f"{times[-1]:.0f}" if times else "-"
        done = len(times) + lost
        sent = f"{done} done, {len(self.saves)} saves, slowest {slowest} ms"
        return f"{sent}, lost {lost}{why and ': '}{why}"

    def told(self) -> dict[str, Any]:
        around = [ms for due, ms in self.sent if self._is_around(due)]
        otherwise = [ms for due, ms in self.sent if not self._is_around(due)]
        lost = sum(self.problems.values())
        return {
            "requests": len(self.sent) + lost,
            "lost": lost,
            "problems": dict(self.problems),
            "around_a_reload": _quantiles(around),
            "otherwise": _quantiles(otherwise),
        }

    def _is_around(self, due: float) -> bool:
        return any(0 <= due - save < AROUND_SECONDS for save in self.saves)


def soak(emulated: Emulated, *, minutes: float) -> dict[str, Any]:
    """The deployment is attended, so that saved code is taken in."""
    emulated.command("stop", "aml-emu-test-router.blue")
    said: list[str] = []
    with _attended(emulated, said):
        tally = _drive(emulated, minutes * 60)
    reloads = sum("reloaded" in line for line in said)
    refused = [line.strip() for line in said if "old code goes on" in line]
    return {
        **tally.told(),
        "reloads": reloads,
        "saves": len(tally.saves),
        "reloads_refused": refused,
        "minutes": minutes,
        "per_second": PER_SECOND,
    }


@contextmanager
def _attended(emulated: Emulated, said: list[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "deploy", "blue.yml", "--engine", emulated.engine],
        cwd=emulated.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ready = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line)
            if "Ctrl-C" in line:
                ready.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        if not ready.wait(START_SECONDS):
            raise RuntimeError("".join(said))
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _drive(emulated: Emulated, seconds: float) -> Tally:
    """Each request is sent when it is due, whatever became of the others; its time counts so."""
    call = Caller(emulated)
    script = emulated.project / "code" / "score.py"
    tally = Tally()

    def one(due: float) -> None:
        problem = call()
        if problem:
            tally.problems[problem] += 1
        else:
            tally.sent.append((due, (time.monotonic() - due) * 1000))

    began = time.monotonic()
    reload_at, tell_at = began + RELOAD_SECONDS, began + TOLD_SECONDS
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(int(seconds * PER_SECOND)):
            due = began + number / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            threads.submit(one, due)
            if due >= reload_at:
                reload_at += RELOAD_SECONDS
                tally.saves.append(time.monotonic())
                script.write_text(script.read_text("utf-8") + f"\n# {number}\n", "utf-8")
            if due >= tell_at:
                tell_at += TOLD_SECONDS
                print(f"minute {(due - began) / 60:.0f}: {tally.progress()}", file=sys.stderr)
    return tally


class Caller:
    """Sends the example's request on a connection of its own; says what went wrong, if anything."""

    def __init__(self, emulated: Emulated) -> None:
        self._port, self._body = emulated.state.port, emulated.body
        self._headers = emulated.headers

    def __call__(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("POST", "/score", self._body, self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {type(error).__name__}"
        finally:
            connection.close()
        return "" if answer.status == http.client.OK else f"{answer.status}: {_message(body)}"


def _message(body: bytes) -> str:
    """What the router says, or what the scoring server says."""
    try:
        found = json.loads(body)
        return str(found.get("error", found).get("message", ""))
    except (ValueError, AttributeError):
        return body[:80].decode(errors="replace")


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    if not times:
        return {}
    ordered = sorted(times)
    return {
        "requests": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "max_ms": round(ordered[-1], 2),
    }
