"""Debugging of jobs as a transformation of a plan: the same launch, with a debugger in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from toolkit.plans import azureml, emulation
from toolkit.plans.model import LaunchPlan, Port

DebugMode = Literal["wait", "on-error", "script"]
WAIT_SECONDS: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class RunDebug:
    """How to debug a job.

    `wait`: every Python of it waits, at its start, for a client. `on-error`: it runs at full speed
    until an exception that nobody catches. `script`: the job's own code calls `debugpy.listen`.
    `port` is the host's (None: 5678 or the next free one), and where it is not `is_fixed` another
    free one will do as well; `seconds` is the longest wait.
    """

    mode: DebugMode = "wait"
    port: int | None = None
    is_fixed: bool = True
    seconds: float = WAIT_SECONDS


def under_run_debugger(plan: LaunchPlan, debug: RunDebug, *, port: int) -> LaunchPlan:
    """The same plan with debugpy on 5678, reached on the host's `port`."""
    return replace(
        plan,
        ports=(*plan.ports, Port(container=azureml.DEBUG_PORT, host=port)),
        port_variables={**plan.port_variables, azureml.DEBUG_PORT: "AML_EMU_DEBUG_PORT"},
        interface_variable="AML_EMU_HOST",
        folders=(*plan.folders, emulation.STATE),
        env={
            **plan.env,
            "AML_EMU_DEBUG": debug.mode,
            "AML_EMU_DEBUG_PORT": str(azureml.DEBUG_PORT),
            "AML_EMU_WAIT": f"{debug.seconds:g}",
            "AML_EMU_SHOWN_ADDRESS": f"127.0.0.1:{port}",
        },
        labels={**plan.labels, emulation.LABEL_DEBUG: "1"},
    )
