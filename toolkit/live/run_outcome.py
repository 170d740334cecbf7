"""How a run ended, from what its engine and its own program say of it. Pure decisions."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from toolkit.engines.base import State
from toolkit.live.failure import last_line, user_traceback
from toolkit.live.run_events import Event
from toolkit.workspace.model import RunError, RunStatus

USER_ERROR: Final = "UserError"
SYSTEM_ERROR: Final = "SystemError"
ENGINE_LOST: Final = "EngineUnavailable"
DISK_FULL: Final = "DiskFull"
_FROM_OUTSIDE: Final = {
    "told to": "somebody else stopped it, or its engine was stopped",
    "launcher gone": "its engine let go of it",
}
_MEMORY_HINT: Final = "most often because the machine's memory was used up"


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """The run's last status and, unless it is `Completed`, why."""

    status: RunStatus
    exit_code: int | None
    error: RunError | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known at the end.

    `log` is the last part of the job's log; `engine_lost` says why the engine could not be asked,
    `full` which disk has no room for what the job writes. Both are empty where all is well.
    """

    state: State
    ended: Event | None
    timeout: float | None
    log: str
    canceled: bool = False
    strange: Sequence[str] = ()
    not_collected: str = ""
    engine_lost: str = ""
    full: str = ""


def outcome_of(evidence: Evidence) -> RunOutcome:
    """What becomes of the run."""
    ended, state = evidence.ended or {}, evidence.state
    code = ended.get("exit_code", state.exit_code)
    reason = ended.get("reason", "")
    if evidence.canceled:
        return RunOutcome(status="Canceled", exit_code=code)
    if reason == "timed out":
        seconds = evidence.timeout or 0
        error = RunError(
            code="JobTimedOut", message=f"the job ran longer than its limit of {seconds:g} s"
        )
        return RunOutcome(status="Canceled", exit_code=code, error=error)
    if evidence.full:  # what it said of it may be missing
        failure: RunError | None = RunError(code=DISK_FULL, message=evidence.full)
    elif evidence.engine_lost and (evidence.ended is None or reason):
        failure = RunError(code=ENGINE_LOST, message=evidence.engine_lost)
    else:
        failure = _failure(evidence, code, reason)
    if failure is None and evidence.not_collected:
        failure = RunError(code=SYSTEM_ERROR, message=evidence.not_collected)
    status: RunStatus = "Completed" if failure is None else "Failed"
    return RunOutcome(status=status, exit_code=code, error=failure)


def _failure(evidence: Evidence, code: int | None, reason: str) -> RunError | None:
    ended, state = evidence.ended or {}, evidence.state
    if ended.get("event") == "broken":
        message = f"the job could not be started: {ended.get('message')}"
        return RunError(code=SYSTEM_ERROR, message=message)
    if evidence.ended is None:
        return _unsaid(state, evidence.strange)
    if reason:
        return RunError(code=ENGINE_LOST, message=_FROM_OUTSIDE.get(reason, reason))
    if not code:
        return None
    rank = f" in process {ended['rank']}" if ended.get("rank") else ""
    return RunError(code=USER_ERROR, message=_of_the_user(evidence, code, rank))


def _of_the_user(evidence: Evidence, code: int, rank: str) -> str:
    """What the user's processes ended with. A shell says 128 and the signal of its child."""
    number = int((evidence.ended or {}).get("signal") or max(0, code - 128))
    if evidence.state.out_of_memory:
        return f"killed for want of memory{rank}"
    if number == signal.SIGKILL:
        return f"killed by SIGKILL{rank}: {_MEMORY_HINT}"
    if number:
        return f"killed by {_signal_name(number)}{rank}"
    raised = last_line(user_traceback(evidence.log))
    return f"exit code {code}{rank}{f': {raised}' if raised else ''}"


def _unsaid(state: State, strange: Sequence[str]) -> RunError:
    """The container is gone without a word of its program."""
    if state.out_of_memory:
        message = "the container was killed for want of memory"
        return RunError(code=SYSTEM_ERROR, message=message)
    if strange:
        message = f"the job could not be started: {strange[-1]}"
        return RunError(code=SYSTEM_ERROR, message=message)
    if state.status == "gone":
        return RunError(code=ENGINE_LOST, message="somebody else removed what it ran in")
    message = f"what it ran in was killed: exit code {state.exit_code}"
    return RunError(code=ENGINE_LOST, message=message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
