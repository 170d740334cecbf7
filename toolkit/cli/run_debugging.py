"""How `run` tells where to attach: launch.json, and what the job says while it waits."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit.cli import console
from toolkit.engines.base import Address
from toolkit.errors import SpecError
from toolkit.plans import azureml
from toolkit.plans.job_layout import job_layout
from toolkit.plans.run_debug import RunDebug

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder
    from toolkit.live.run import LiveRun
    from toolkit.live.run_events import Event
    from toolkit.settings import Settings
    from toolkit.specs.job import CommandJob


def debug_of(order: RunOrder, job: CommandJob) -> RunDebug | None:
    """How the order wants to debug, if it does; a script that asks for it by itself counts."""
    if order.debug is not None and order.debug_on_error:
        raise SpecError("`--debug` and `--debug-on-error` exclude each other")
    if order.debug is not None:
        return RunDebug(mode="wait", port=order.debug_port, seconds=order.patience)
    if order.debug_on_error:
        return RunDebug(mode="on-error", port=order.debug_port, seconds=order.patience)
    if listens(job):
        return RunDebug(mode="script", port=order.debug_port, seconds=order.patience)
    refuse_unattended(order)
    return None


def refuse_unattended(order: RunOrder) -> None:
    """Raises SpecError for flags of debugging where nothing is debugged."""
    for flag, value in (("--debug-port", order.debug_port), ("--wait", order.wait)):
        if value is not None:
            raise SpecError(
                f"`{flag}` is for debugging, which was not asked for: {order.file}",
                hint=f"add `--debug` or `--debug-on-error`, or leave out `{flag}`",
            )


def listens(job: CommandJob) -> bool:
    """Whether the job brings its own `debugpy.listen`, as Azure's debugging guides have it."""
    if "--remote_debug" in job.arguments:
        return True
    command = job.command or ""
    return "--remote_debug" in command.split() or "-m debugpy" in command


def tell_debugger(live: LiveRun, job: CommandJob, settings: Settings) -> None:
    """Write the launch configuration and say where to attach."""
    has_code = job.code is not None or job.includes
    if live.launched.debug_address is None or not has_code or not live.wait_listening():
        return
    from toolkit.cli import launch_json
    from toolkit.dev.debug import DebugSession, code_mappings, workspace_of, write_launch_json

    host, _, port = live.launched.debug_address.rpartition(":")
    address = Address(host=host, port=int(port))  # which a run that has just ended does not tell
    remote = live.handle.path_inside(working_dir(live, job))
    mappings = code_mappings(job.code, job.includes, remote)
    local = job.code or job.folder
    what = Path(job.script or (job.file.path if job.file else local)).name
    title = what if address.port == azureml.DEBUG_PORT else f"{what} ({address.port})"
    session = DebugSession(name=title, address=address, mappings=mappings)
    workspace = workspace_of(local / "x", project=settings.project)
    path = launch_json.written(lambda: write_launch_json(session, workspace))
    launch_json.tell_where(session, path, local, remote)


def working_dir(live: LiveRun, job: CommandJob) -> PurePosixPath:
    return job_layout(job.era, live.run.name).working_dir


def told_of_debugger(event: Event) -> None:
    """What the job says of its debugger, for people."""
    match event["event"]:
        case "waiting":
            console.say(f"waiting up to {event['seconds']:g} s for a debugger")
        case "attached":
            console.say("the debugger is attached")
        case "unattended":
            console.say("nobody attached, going on without a debugger")
        case "raised":
            console.say(f"stopped at {event['error']}: attach within {event['seconds']:g} s")
        case "debugger":
            console.say(str(event["message"]))
