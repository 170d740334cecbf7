"""Debugging as a transformation of a plan: the same launch, with a debugger waiting in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.plans import azureml, emulation
from toolkit.plans.model import LaunchPlan, Port
from toolkit.plans.service import with_agent


@dataclass(frozen=True, kw_only=True)
class DebugOptions:
    """How to debug. `wait` is the seconds a start waits for a client; None: it does not wait."""

    port: int | None = azureml.DEBUG_PORT
    wait: float | None = None
    break_on_errors: bool = True
    token: str


def under_debugger(plan: LaunchPlan, options: DebugOptions) -> LaunchPlan:
    """The same plan with debugpy on 5678.

    One worker, because a breakpoint must be hit by the request that is sent. The time-outs stay
    as they are: the runtime lifts them for as long as a client is attached.
    """
    plan = with_agent(plan, token=options.token)
    wait = {} if options.wait is None else {"AML_EMU_WAIT": f"{options.wait:g}"}
    return replace(
        plan,
        ports=(*plan.ports, Port(container=azureml.DEBUG_PORT, host=options.port)),
        env={
            **plan.env,
            "AML_EMU_DEBUG": "1",
            "AML_EMU_DEBUG_PORT": str(azureml.DEBUG_PORT),
            "AML_EMU_BREAK_ON_ERRORS": str(int(options.break_on_errors)),
            "WORKER_COUNT": "1",
            **wait,
        },
        port_variables={**plan.port_variables, azureml.DEBUG_PORT: "AML_EMU_DEBUG_PORT"},
        probe=plan.probe and replace(plan.probe, timeout=plan.probe.timeout + (options.wait or 0)),
        labels={**plan.labels, emulation.LABEL_DEBUG: "1"},
    )
