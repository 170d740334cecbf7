"""From the save to the first answer of the new code: idle, and under a steady load."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.reload.attached import attach_if_asked
from benchmarks.reload.project import Project
from benchmarks.reload.subject import Running, Subject
from benchmarks.reload.traffic import Load, Prober, Traffic, percentile
from toolkit.dev.dap_session import DapSession

NEVER_SECONDS = 30.0  # a save that is not served by then never will be
BREATH_SECONDS = 0.5  # between a reload and the next save
GIVE_UP_AFTER = 3


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Milliseconds from each save until something happened; None where it never did."""

    values: tuple[float | None, ...]

    @property
    def served(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def never(self) -> int:
        return len(self.values) - len(self.served)

    @property
    def median(self) -> float:
        return percentile(self.served, 50)

    @property
    def p95(self) -> float:
        return percentile(self.served, 95)


@dataclass(frozen=True, kw_only=True)
class Series(Waits):
    """Many reloads of one subject."""

    subject: str
    debugger: str
    condition: str
    first: float | None
    requests: int
    dropped: int
    problems: Mapping[str, int]
    p99: float | None
    session_lost: bool


def measure(subject: Subject, project: Project, *, reloads: int) -> Iterator[Series]:
    """Both conditions on one started server; the first reload after the start is told apart."""
    with (
        subject.start(project) as running,
        attach_if_asked(subject, running, project) as session,
    ):
        with Prober(running.port, project.request) as prober:
            first = _reload(running, project, prober)
            values = _many(running, project, prober, reloads)
        yield _series(subject, "idle", first, values, prober, session)
        with Load(running.port, project.request) as load:
            values = _many(running, project, load, reloads)
        yield _series(subject, "loaded", None, values, load, session)


def _series(
    subject: Subject,
    condition: str,
    first: float | None,
    values: Sequence[float | None],
    traffic: Traffic,
    session: DapSession | None,
) -> Series:
    load = traffic if isinstance(traffic, Load) else None
    return Series(
        subject=subject.name,
        debugger=subject.debugger,
        condition=condition,
        first=first,
        values=tuple(values),
        requests=len(traffic.answers),
        dropped=traffic.dropped,
        problems=traffic.problems,
        p99=load.p99 * 1000 if load else None,
        session_lost=session is not None and session.is_over,
    )


def _many(running: Running, project: Project, traffic: Traffic, reloads: int) -> list[float | None]:
    values: list[float | None] = []
    for _ in range(reloads):
        values.append(_reload(running, project, traffic))
        if values[-GIVE_UP_AFTER:] == [None] * GIVE_UP_AFTER:
            break
    return values


def _reload(running: Running, project: Project, traffic: Traffic) -> float | None:
    threading.Event().wait(BREATH_SECONDS)
    started = time.monotonic()
    version = project.save()
    running.after_save()
    answered = traffic.first_answer(version, NEVER_SECONDS)
    return None if answered is None else (answered - started) * 1000
