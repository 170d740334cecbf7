"""Runs whose command line was killed: what still runs is ended, the rest is kept and recorded."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from toolkit.engines.base import Engine
from toolkit.errors import Conflict
from toolkit.live.collect import collect
from toolkit.live.room import give_back_room
from toolkit.plans.job_layout import LOGS, OUTPUTS
from toolkit.plans.run import CODE, LABEL_RUN
from toolkit.workspace.model import Run, RunError
from toolkit.workspace.workspace import Workspace

_MESSAGE: Final = "the process that looked after it was killed"


def reap_orphans(workspace: Workspace, engine: Engine) -> list[Run]:
    """Mark them Failed, or Canceled where that was asked for; returns them as they are now.

    The engine is not asked for anything if there are none.
    """
    reaped = []
    for run in workspace.runs.orphans():
        if run.kind == "interactive" and run.owner is None:
            continue  # begun by somebody's own code, which may go on with it
        for handle in engine.find({LABEL_RUN: run.name}):
            handle.stop(grace=0)
        folder = workspace.folder_of(run.name)
        give_back_room(folder)
        collect(folder / CODE, folder, {OUTPUTS: OUTPUTS, LOGS: LOGS})
        with suppress(Conflict):  # another command was faster
            if run.status == "CancelRequested":
                reaped.append(workspace.runs.advance(run.name, "Canceled"))
            else:
                error = RunError(code="SystemError", message=_MESSAGE)
                reaped.append(workspace.runs.advance(run.name, "Failed", error=error))
    return reaped
