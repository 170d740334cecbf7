"""Launching a run's plan, with a port for its debugger that nobody else has."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from toolkit.engines import ports
from toolkit.engines.base import Engine, Handle
from toolkit.errors import PortTaken
from toolkit.live.run_events import event_of, lines
from toolkit.plans import azureml
from toolkit.plans.model import LaunchPlan
from toolkit.plans.run_debug import RunDebug, under_run_debugger

_PORTS: Final = range(azureml.DEBUG_PORT, azureml.DEBUG_PORT + 100)
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
    if debug.port is not None and debug.is_fixed:
        return _debugged(engine, plan, debug, debug.port)
    preferred = [] if debug.port is None else [debug.port]
    for port in (*preferred, *_PORTS):
        if ports.is_free(port):
            with suppress(PortTaken):  # somebody was faster
                return _debugged(engine, plan, debug, port)
    raise PortTaken(
        f"all ports from {_PORTS[0]} to {_PORTS[-1]} are in use",
        hint="name a free one with `--debug-port`",
    )


def _debugged(engine: Engine, plan: LaunchPlan, debug: RunDebug, port: int) -> Launched:
    debugged = under_run_debugger(plan, debug, port=port)
    handle = _launch_at(port, engine, debugged)
    return Launched(handle=handle, plan=debugged, debug_address=f"{ports.LOOPBACK}:{port}")


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
