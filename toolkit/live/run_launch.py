"""Launching a run's plan, with a port for its debugger that nobody else has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toolkit.engines import ports
from toolkit.engines.base import Engine, Handle
from toolkit.errors import PortTaken
from toolkit.plans import azureml
from toolkit.plans.model import LaunchPlan
from toolkit.plans.run_debug import RunDebug, under_run_debugger

_PORTS_TRIED: Final = 100


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
            handle = engine.launch(debugged)
        except PortTaken:
            if debug.port is not None:
                raise
            continue  # somebody was faster
        return Launched(handle=handle, plan=debugged, debug_address=f"{ports.LOOPBACK}:{port}")
    raise PortTaken(
        f"all ports from {first} to {first + _PORTS_TRIED - 1} are in use",
        hint="name a free one with `--debug-port`",
    )
