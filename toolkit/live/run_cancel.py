"""Canceling a run that another process looks after."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from toolkit.engines.base import Engine
from toolkit.errors import Conflict
from toolkit.live.live_run import GRACE_SECONDS
from toolkit.live.readiness import retry_until
from toolkit.live.run_orphans import reap_orphans
from toolkit.plans.run import LABEL_RUN
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

_OWNER_SECONDS: Final = 10.0


def cancel_run(
    workspace: Workspace, engine: Engine, name: str, *, grace: float = GRACE_SECONDS
) -> Run:
    """End a run and the runs below it; returns it once whoever looks after it has recorded that.

    A run whose owner is gone is recorded here.
    """
    wanted = [name, *(run.name for run in workspace.runs.descendants(name))]
    for each in wanted:
        with suppress(Conflict):  # it has ended
            workspace.runs.advance(each, "CancelRequested")
    for each in wanted:
        for handle in engine.find({LABEL_RUN: each}):
            handle.stop(grace=grace)

    def ended() -> Run | None:
        reap_orphans(workspace, engine)
        run = workspace.runs.get(name)
        return run if run.is_terminal else None

    return retry_until(ended, timeout=_OWNER_SECONDS) or workspace.runs.get(name)
