"""Debugging steps of a pipeline: ports and names given out before, launch.json written, told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolkit.cli import console, launch_json
from toolkit.cli.console import shown
from toolkit.cli.run_debugging import refuse_unattended
from toolkit.dev.compound import write_compound
from toolkit.dev.debug import (
    DebugSession,
    PathMapping,
    code_mappings,
    workspace_of,
    write_launch_json,
)
from toolkit.engines import ports
from toolkit.engines.base import Address
from toolkit.errors import PortTaken, SpecError
from toolkit.live.pipeline.context import StepDebug
from toolkit.plans import azureml
from toolkit.plans.job_layout import job_layout
from toolkit.plans.pipeline.choice import Selection, named
from toolkit.plans.pipeline.graph import LoopWork, Pipeline, Step, SweepWork
from toolkit.plans.run_debug import RunDebug
from toolkit.workspace.names import fresh_run_name

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder
    from toolkit.live.live_run import LiveRun
    from toolkit.settings import Settings

ALL: Final = "all"
_PORTS: Final = 1000
_PARTS: Final[Mapping[str, str]] = {
    "sweep": "a trial with `aml-emu run RUN:SWEEP:TRIAL --debug`",
    "loop": "an iteration with `aml-emu run 'RUN:STEP[2]' --debug`",
}


def plan_debug(
    order: RunOrder,
    pipeline: Pipeline,
    selection: Selection,
    settings: Settings,
    experiment: str,
) -> StepDebug:
    """Which steps wait for a debugger and where; launch.json knows them all before they start.

    Raises SpecError for steps that cannot be debugged.
    """
    if order.debug is not None and order.debug_on_error:
        raise SpecError("`--debug` and `--debug-on-error` exclude each other")
    if order.debug is None and not order.debug_on_error:
        refuse_unattended(order)
    if order.debug_on_error and order.debug_port is not None:
        raise SpecError(
            "`--debug-port` is for `--debug`: each step that raises takes the next free port",
            hint="leave out `--debug-port`",
        )
    if order.debug_on_error:
        on_error = RunDebug(mode="on-error", seconds=order.patience)
        debugs = {name: on_error for name, step in selection.graph.steps.items() if _can(step)}
        return StepDebug(debugs=debugs, announce=partial(_announced, {}, settings.project))
    chosen = _chosen(order.debug, selection)
    if not chosen:
        return StepDebug()
    free = _free_ports(order.debug_port, len(chosen))
    fixed = order.debug_port is not None  # else it was only looked for, and may be taken soon
    debugs = {
        name: RunDebug(mode="wait", port=port, is_fixed=fixed, seconds=order.patience)
        for name, port in zip(chosen, free, strict=True)
    }
    names = {name: fresh_run_name("v2", experiment) for name in chosen}
    sessions = _sessions(pipeline, selection, debugs, names)
    workspace = workspace_of(pipeline.path, project=settings.project)
    _write(pipeline, sessions, workspace)
    return StepDebug(
        debugs=debugs,
        run_names=names,
        announce=partial(_announced, sessions, workspace),
    )


def _chosen(debug: str | None, selection: Selection) -> list[str]:
    if debug is None:
        return []
    steps = selection.graph.steps
    if debug in {"", "*", ALL}:  # `*` is what the flag alone stands for
        return [n for n, s in steps.items() if _can(s) and n not in selection.taken]
    wanted = named(selection.graph, [name.strip() for name in debug.split(",") if name.strip()])
    for name in wanted:
        if not _can(steps[name]):
            raise SpecError(
                f"a step of kind `{steps[name].kind}` has no code of its own to debug: `{name}`",
                hint=f"run it, then open {_PARTS[steps[name].kind]}",
            )
    return [name for name in steps if name in wanted]


def _can(step: Step) -> bool:
    return not isinstance(step.work, LoopWork | SweepWork)


def _free_ports(first: int | None, count: int) -> list[int]:
    """Free ones from the first on; the first itself must be free if it was asked for."""
    if first is not None and not ports.is_free(first):
        raise PortTaken(f"port {first} is in use by {ports.holder(first)}")
    begin = first or azureml.DEBUG_PORT
    found: list[int] = []
    for port in range(begin, begin + _PORTS):
        if ports.is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise PortTaken(
        f"{count} debug ports are needed from {begin} on, and only {len(found)} are free"
    )


def _sessions(
    pipeline: Pipeline,
    selection: Selection,
    debugs: Mapping[str, RunDebug],
    names: Mapping[str, str],
) -> dict[str, DebugSession]:
    """Where each step will be, which its run's name decides."""
    sessions = {}
    for name, debug in debugs.items():
        job = selection.graph.steps[name].command
        assert job is not None and debug.port is not None  # noqa: S101, PT018  # chosen so above
        remote = job_layout(job.era, names[name]).working_dir
        without = PathMapping(local=pipeline.path.parent, remote=remote)
        sessions[name] = DebugSession(
            name=f"{pipeline.path.stem} / {name}",
            address=Address(host=ports.LOOPBACK, port=debug.port),
            mappings=code_mappings(job.code, job.includes, remote) or (without,),
        )
    return sessions


def _write(pipeline: Pipeline, sessions: Mapping[str, DebugSession], workspace: Path) -> None:
    title = f"aml-emu: {pipeline.path.stem} (all debugged steps)"
    path = launch_json.written(lambda: write_compound(title, list(sessions.values()), workspace))
    if path is not None:
        console.say(f"launch configurations are in {shown(path)}; `{title}` attaches to all")
    for name, session in sessions.items():
        console.fact("debug", f"{name} at {session.address.host}:{session.address.port}")


def _announced(
    sessions: Mapping[str, DebugSession], workspace: Path, step: Step, live: LiveRun
) -> None:
    """Tell that a step is there; its entry is written again, if its port has become another."""
    address = live.launched.debug_address
    if address is None:
        return
    console.fact("attach", f"step `{step.name}` at {address} (run {live.run.name})")
    session = sessions.get(step.name)
    if session is None:
        return
    there = live.handle.address(azureml.DEBUG_PORT)
    mappings = tuple(
        replace(each, remote=live.handle.path_inside(each.remote)) for each in session.mappings
    )
    now = replace(session, address=there, mappings=mappings)
    if now != session:
        launch_json.written(lambda: write_launch_json(now, workspace))
