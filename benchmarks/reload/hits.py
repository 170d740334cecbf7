"""From the save to the breakpoint that is hit in the new code, with a session that stays."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import partial

from benchmarks.reload.attached import attach
from benchmarks.reload.emulator import flags, serve
from benchmarks.reload.project import Project
from benchmarks.reload.reloads import BREATH_SECONDS, NEVER_SECONDS, Waits
from benchmarks.reload.subject import Subject
from benchmarks.reload.traffic import Prober
from toolkit.dev.dap import DapError
from toolkit.dev.dap_session import DapSession


@dataclass(frozen=True, kw_only=True)
class Hits(Waits):
    """From each save to its hit in the new code."""

    mode: str
    session_lost: bool


def measure(mode: str, project: Project, *, reloads: int) -> Hits:
    subject = Subject(name=mode, start=partial(serve, flags=flags(mode, "attached")))
    with (
        subject.start(project) as running,
        attach(running, project) as session,
        Prober(running.port, project.request),
    ):
        _hit(session, project)  # the first reload after the start tells about the start
        values = tuple(_hit(session, project) for _ in range(reloads))
        return Hits(mode=mode, values=values, session_lost=session.is_over)


def _hit(session: DapSession, project: Project) -> float | None:
    """The condition keeps the old code going; the breakpoint itself is never touched by hand."""
    threading.Event().wait(BREATH_SECONDS)
    condition = f"VERSION == {project.version + 1}"
    session.set_breakpoints(project.script, [project.run_line], condition=condition)
    started = time.monotonic()
    project.save()
    try:
        stop = session.wait_for_stop(NEVER_SECONDS)
    except DapError:
        return None
    hit = (time.monotonic() - started) * 1000
    session.set_breakpoints(project.script, [])
    stop.resume()
    return hit
