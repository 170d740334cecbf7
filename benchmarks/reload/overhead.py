"""What debugging costs where no reload happens: memory, requests per second, CPU per request."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.reload.attached import attach_if_asked
from benchmarks.reload.emulator import flags, serve
from benchmarks.reload.project import Project
from benchmarks.reload.subject import Running, Subject
from benchmarks.reload.traffic import ask, percentile
from toolkit.engines.docker.connect import connect

WARM_UP = 50
BARE = "bare"


@dataclass(kw_only=True)
class Cost:
    """One state of the same server; rounds are interleaved with those of the other states."""

    state: str
    python: str
    memory: float = 0.0  # MB that the container's processes hold, files not counted
    rates: list[float] = field(default_factory=list)  # requests per second, by round
    cpu: list[float] = field(default_factory=list)  # CPU milliseconds per request, by round

    @property
    def rate(self) -> float:
        return percentile(self.rates, 50)

    @property
    def cpu_ms(self) -> float:
        return percentile(self.cpu, 50)

    def rate_of(self, bare: Cost) -> float:
        """Round by round, since the machine's own pace changes from one to the next."""
        return percentile([a / b for a, b in zip(self.rates, bare.rates, strict=True)], 50)

    def cpu_of(self, bare: Cost) -> float:
        return percentile([a / b for a, b in zip(self.cpu, bare.cpu, strict=True)], 50)


def states(base: str | None) -> list[Subject]:
    """The bare server has nothing of the emulator's in it."""
    more = ("--base", base) if base else ()
    bare = Subject(name=BARE, start=partial(serve, flags=("--no-watch", *more)))
    return [
        bare,
        *(
            Subject(
                name=f"debugger {state}",
                start=partial(serve, flags=(*flags("fork", state), *more)),
                debugger=state,
            )
            for state in ("off", "listening", "attached")
        ),
    ]


def measure(
    project: Project, *, rounds: int, requests: int, base: str | None = None
) -> Sequence[Cost]:
    """All states run at once, and each is asked in turn: what else the machine does hits all."""
    client = connect(os.environ)
    with ExitStack() as stack:
        measured: list[tuple[Running, Cost]] = []
        for subject in states(base):
            running = stack.enter_context(subject.start(project))
            stack.enter_context(attach_if_asked(subject, running, project))
            version = running.handle.exec(
                ["python", "-c", "import platform as p; print(p.python_version())"]
            )
            cost = Cost(state=subject.name, python=version.output.strip())
            measured.append((running, cost))
            _ask(running, project, WARM_UP)
        for _ in range(rounds):
            for running, cost in measured:
                _round(client, running, project, cost, requests)
        for running, cost in measured:
            cost.memory = container_memory(client, running)
        client.close()
        return [cost for _, cost in measured]


def container_memory(client: Any, running: Running) -> float:
    """Anonymous memory in MB: cgroup 2 calls it `anon`, cgroup 1 `total_rss`."""
    parts = _stats(client, running)["memory_stats"]["stats"]
    return float(parts["anon"] if "anon" in parts else parts["total_rss"]) / 1e6


def _round(client: Any, running: Running, project: Project, cost: Cost, requests: int) -> None:
    before, started = _cpu(_stats(client, running)), time.monotonic()
    _ask(running, project, requests)
    seconds, used = time.monotonic() - started, _cpu(_stats(client, running)) - before
    cost.rates.append(requests / seconds)
    cost.cpu.append(used / requests)


def _ask(running: Running, project: Project, requests: int) -> None:
    for _ in range(requests):
        answer = ask(running.port, project.request)
        if answer.version != project.version:
            raise RuntimeError(f"{running.handle.name}: {answer}")


def _stats(client: Any, running: Running) -> Any:
    return client.api.stats(running.handle.id, stream=False, one_shot=True)


def _cpu(stats: Any) -> float:
    """Milliseconds of CPU so far."""
    return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e6
