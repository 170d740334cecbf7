"""Reload after reload, with a debugger attached and requests: what must not happen is counted.

That is lost sessions, dropped requests, saves that are never served, memory that grows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from statistics import median

from benchmarks.reload.attached import attach
from benchmarks.reload.emulator import flags, serve
from benchmarks.reload.overhead import container_memory
from benchmarks.reload.project import Project
from benchmarks.reload.reloads import NEVER_SECONDS
from benchmarks.reload.subject import Running
from benchmarks.reload.traffic import Load, percentile
from toolkit.dev.dap_session import DapSession
from toolkit.engines.docker.connect import connect

RATE = 20.0
SAMPLES = 40


@dataclass(frozen=True, kw_only=True)
class Endured:
    """What `reloads` reloads in a row did. `memory` in MB, evenly spread over the run."""

    mode: str
    reloads: int
    never: int
    lost_sessions: int
    requests: int
    dropped: int
    problems: Mapping[str, int]
    p50: float
    p95: float
    memory: tuple[float, ...]

    @property
    def slope(self) -> float:
        """MB per 100 reloads in the second half, by the medians of its two halves.

        What the first reloads bring in stays in; only what goes on growing is a leak.
        """
        half = self.memory[len(self.memory) // 2 :]
        early, late = half[: len(half) // 2], half[len(half) // 2 :]
        if not early:
            return 0.0
        reloads = self.reloads / 4
        return (median(late) - median(early)) / reloads * 100


class Attached:
    """A debugger that comes back when its session is lost, and counts how often that was."""

    def __init__(self, stack: ExitStack, running: Running, project: Project) -> None:
        self._stack = stack
        self._running = running
        self._project = project
        self._session = self._attach()
        self.lost = 0

    def look(self) -> None:
        if self._session.is_over:
            self.lost += 1
            self._session = self._attach()

    def _attach(self) -> DapSession:
        return self._stack.enter_context(attach(self._running, self._project))


def endure(project: Project, mode: str, reloads: int) -> Endured:
    values: list[float | None] = []
    memory: list[float] = []
    every = max(1, reloads // SAMPLES)
    with ExitStack() as stack:
        client = stack.enter_context(closing(connect(os.environ)))
        running = stack.enter_context(serve(project, flags=flags(mode, "attached")))
        debugger = Attached(stack, running, project)
        load = stack.enter_context(Load(running.port, project.request, rate=RATE))
        for number in range(reloads):
            if not number % every:
                memory.append(container_memory(client, running))
            values.append(_reload(project, load))
            debugger.look()
        memory.append(container_memory(client, running))
    served = [value for value in values if value is not None]
    return Endured(
        mode=mode,
        reloads=reloads,
        never=len(values) - len(served),
        lost_sessions=debugger.lost,
        requests=len(load.answers),
        dropped=load.dropped,
        problems=load.problems,
        p50=percentile(served, 50),
        p95=percentile(served, 95),
        memory=tuple(memory),
    )


def _reload(project: Project, load: Load) -> float | None:
    """Milliseconds to the first answer; the next save follows at once."""
    started = time.monotonic()
    answered = load.first_answer(project.save(), NEVER_SECONDS)
    return None if answered is None else (answered - started) * 1000
