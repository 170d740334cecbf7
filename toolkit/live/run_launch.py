"""Launching a run's plan, with a port for its debugger that nobody else has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toolkit.engines import ports
from toolkit.engines.base import Engine, Handle
from toolkit.errors import PortTaken
from toolkit.live.run_events import event_of, lines
from toolkit.plans import azureml
from toolkit.plans.model import LaunchPlan
from toolkit.plans.run_debug import RunDebug, under_run_debugger

_PORTS_TRIED: Final = 100
_DECIDED: Final = frozenset({"listening", "taken", "debugger", "ended", "broken"})


@dataclass(frozen=True, kw_only=True)
class Launched:
    """What was started, from which plan, and where its debugger is reached."""

    handle: Handle
    plan: LaunchPlan
    debug_address: str | None = None


def launch_run(engine: Engine, plan: LaunchPlan, debug: RunDebug | None) -> Launched:
    """Start it; under a debugger on the port that was asked for, or the first that is free.

    Raises PortTaken if the port that was asked for is in use.
    """
    if debug is None:
        return Launched(handle=engine.launch(plan), plan=plan)
    first = azureml.DEBUG_PORT
    wanted = [debug.port] if debug.port is not None else range(first, first + _PORTS_TRIED)
    for port in wanted:
        if debug.port is None and not ports.is_free(port):
            continue
        debugged = under_run_debugger(plan, debug, port=port)
        try:
            handle = _launch_at(port, engine, debugged)
        except PortTaken:
            if debug.port is not None:
                raise
            continue  # somebody was faster
        return Launched(handle=handle, plan=debugged, debug_address=f"{ports.LOOPBACK}:{port}")
    raise PortTaken(
        f"all ports from {first} to {first + _PORTS_TRIED - 1} are in use",
        hint="name a free one with `--debug-port`",
    )


def _launch_at(port: int, engine: Engine, plan: LaunchPlan) -> Handle:
    """Start it, and wait until its debugger has the port.

    Where the network is this machine's, others may take a port that was free a moment ago: the job
    has not begun then. Raises PortTaken, with nothing left behind.
    """
    handle = engine.launch(plan)
    try:
        is_taken = _said_first(handle) == "taken"
    except BaseException:  # Ctrl-C
        handle.stop(grace=0)
        raise
    if not is_taken:
        return handle
    holder = ports.holder(port)
    handle.stop(grace=0)
    raise PortTaken(f"port {port} is in use by {holder}")


def _said_first(handle: Handle) -> str:
    """Its first word on its debugger or its end."""
    for line in lines(handle.logs(follow=True)):
        event = event_of(line)
        if event is not None and event["event"] in _DECIDED:
            return str(event["event"])
    return ""
