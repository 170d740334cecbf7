"""Which status a run may take after which, as the service has it (`Run.get_status()`)."""

from __future__ import annotations

from typing import Final

from toolkit.workspace.model import TERMINAL, RunStatus

# forwards only, and steps may be left out: an image that exists needs no Preparing
_WAY: Final[tuple[RunStatus, ...]] = (
    "NotStarted",
    "Starting",
    "Provisioning",
    "Preparing",
    "Queued",
    "Running",
    "Finalizing",
    "Completed",
)


def may_follow(status: RunStatus, after: RunStatus) -> bool:
    """Whether a run that is `after` may become `status`; a terminal status is never left."""
    if after in TERMINAL:
        return False
    if status in TERMINAL or status == after:
        return True
    if after == "CancelRequested":
        return False
    if "NotResponding" in {status, after}:
        return {status, after} <= {"NotResponding", "Running", "Finalizing", "CancelRequested"}
    if status == "CancelRequested":
        return True
    return _WAY.index(status) > _WAY.index(after)
