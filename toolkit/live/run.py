"""One run of a command job from start to end: copied, launched, followed, collected, recorded.

with the workspace, an engine and a job:
    live = start_run(RunRequest(job=job, experiment="iris"), workspace=…, engine=…, …)
    for chunk in live.follow(): …
    run = live.wait()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.engines.base import Engine
from toolkit.engines.events import BuildEvent
from toolkit.engines.trust import host_trust
from toolkit.errors import EmuError, NotFound, UserCodeFailed
from toolkit.live.environments import environment_named
from toolkit.live.image import ImageRequest, build_image
from toolkit.live.inputs import data_locator, output_places
from toolkit.live.live_run import LiveRun, Tracker
from toolkit.live.room import FULL, full_disk, give_back_room, keep_room
from toolkit.live.run_events import Event
from toolkit.live.run_launch import launch_run
from toolkit.live.run_logs import (
    BuildLog,
    LogFile,
    command_preamble,
    expanded,
    launch_line,
    preamble,
)
from toolkit.live.run_orphans import reap_orphans
from toolkit.live.snapshot import take_snapshot
from toolkit.plans.job_layout import BUILD_LOG, CONTROL_LOG, job_layout
from toolkit.plans.model import CondaMode, LaunchPlan, Mount
from toolkit.plans.run import CODE, JobLaunch, ResolvedInput, log_files, plan_run, with_color
from toolkit.plans.run_debug import RunDebug
from toolkit.settings import Settings
from toolkit.specs.environment import Environment
from toolkit.specs.job import CommandJob
from toolkit.workspace.model import NewRun, Run, RunChanges, RunError, RunKind
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace

__all__ = ["LiveRun", "RunDebug", "RunRequest", "Tracker", "reap_orphans", "start_run"]

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What is to be run.

    `inputs` are resolved (see `live/inputs.py`); `outputs_to` says where outputs must land, else
    it is their `path` or the run's folder. With an `image` nothing is built, with a `snapshot` (a
    folder that nobody changes any more) nothing is copied: it becomes the working directory.
    `heard` gets what the program in the container says, on a thread of its own.
    """

    job: CommandJob
    experiment: str
    name: str | None = None
    parent: Run | None = None
    kind: RunKind = "command"
    inputs: Mapping[str, ResolvedInput] = field(default_factory=dict)
    outputs_to: Mapping[str, Path] = field(default_factory=dict)
    debug: RunDebug | None = None
    display_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)
    image: str | None = None
    snapshot: Path | None = None
    conda: CondaMode = "auto"
    no_cache: bool = False
    platform: str | None = None
    color: bool = False
    mounts: tuple[Mount, ...] = ()
    heard: Callable[[Event], None] | None = None


class RunCanceled(UserCodeFailed):
    """Somebody asked for a run's end before it had begun; one on record is `Canceled` then."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a start needs beside the request."""

    workspace: Workspace
    engine: Engine
    settings: Settings
    tracking: Tracker | None
    say: Say
    on_event: OnEvent


def start_run(
    request: RunRequest,
    *,
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    tracking: Tracker | None,
    say: Say,
    on_event: OnEvent,
) -> LiveRun:
    """Record the run, copy its code, see to its image, and launch it; returns while it runs.

    What fails on the way is recorded as the run's failure and raised. Raises RunCanceled if its
    end is asked for meanwhile.
    """
    around = Surroundings(
        workspace=workspace,
        engine=engine,
        settings=settings,
        tracking=tracking,
        say=say,
        on_event=on_event,
    )
    run = workspace.runs.create(_new_run(request, engine.name))
    folder = workspace.folder_of(run.name)
    try:
        keep_room(folder)
        return _start(request, run, LogFile(folder / CONTROL_LOG), around)
    except Exception as error:
        if workspace.runs.get(run.name).status == "CancelRequested":
            give_back_room(folder)
            workspace.runs.advance(run.name, "Canceled")
            raise RunCanceled(f"run {run.name} Canceled: it was canceled") from error
        problem = _told(error, workspace)
        _record_failure(problem, run, workspace)
        if problem is error:
            raise
        raise problem from error
    except BaseException:  # Ctrl-C while it is prepared
        give_back_room(folder)
        workspace.runs.advance(run.name, "Canceled")
        raise


def _told(error: Exception, workspace: Workspace) -> Exception:
    """A full disk in our words, everything else as it is."""
    if isinstance(error, OSError) and error.errno in FULL:
        return full_disk(workspace.state_folder)
    return error


def _record_failure(error: Exception, run: Run, workspace: Workspace) -> None:
    folder = workspace.folder_of(run.name)
    give_back_room(folder)
    message = error.message if isinstance(error, EmuError) else repr(error)
    LogFile(folder / CONTROL_LOG).stamp(f"failed: {message}")
    users = isinstance(error, EmuError) and error.exit_code <= 2  # noqa: PLR2004  # exit codes
    code = "UserError" if users else "SystemError"
    workspace.runs.advance(run.name, "Failed", error=RunError(code=code, message=message))


def _new_run(request: RunRequest, engine: str) -> NewRun:
    job = request.job
    return NewRun(
        experiment=request.experiment,
        kind=request.kind,
        name=request.name or job.name,
        naming=job.era,
        display_name=request.display_name or job.display_name,
        parent=request.parent.name if request.parent else None,
        owner=this_process(),
        engine=engine,
        status="Starting",
        tags={**job.tags, **request.tags},
        properties={**job.properties, **request.properties},
        definition=request.definition or definition_of(request),
    )


def definition_of(request: RunRequest) -> dict[str, Any]:
    """What was asked for, as JSON."""
    job = request.job
    return {
        "file": str(job.file.path) if job.file else None,
        "location": list(job.location),
        "command": job.command,
        "script": job.script,
        "arguments": list(job.arguments),
        "code": str(job.code) if job.code else None,
        "environment": job.environment
        if isinstance(job.environment, str)
        else job.environment.name,
        "inputs": {
            name: str(given.path) if given.path else given.value
            for name, given in request.inputs.items()
        },
        "environment_variables": dict(job.environment_variables),
        "distribution": asdict(job.distribution) if job.distribution else None,
        "timeout": job.timeout,
    }


def _start(request: RunRequest, run: Run, control: LogFile, around: Surroundings) -> LiveRun:
    workspace, settings = around.workspace, around.settings
    folder = workspace.folder_of(run.name)
    control.stamp(f"Starting run {run.name} of experiment {run.experiment}")
    _bring_code(request, folder, settings)
    outputs = output_places(
        request.job.outputs,
        folder=folder,
        locator=data_locator(workspace, settings, say=around.say),
        given=request.outputs_to,
        job=request.job,
    )
    if outputs:
        workspace.runs.update(run.name, outputs=outputs)
    image = request.image or _image(request, run, control, around)
    plan = plan_run(
        JobLaunch(
            run=run.name,
            root=run.root,
            experiment=run.experiment,
            job=request.job,
            image=image,
            folder=folder,
            project=settings.project,
            inputs=request.inputs,
            outputs=outputs,
            variables=_tracking_variables(run, around),
            mounts=request.mounts,
            ca_bundle=host_trust(settings.environ).ca_bundle,
        )
    )
    if request.color:
        plan = with_color(plan)
    return _launch(request, run, plan, control, around)


def _bring_code(request: RunRequest, folder: Path, settings: Settings) -> None:
    """The working directory: the snapshot, a copy of the code, or nothing at all."""
    layout = job_layout(request.job.era, "")
    code = folder / CODE
    if request.snapshot is not None:
        code.rmdir()
        request.snapshot.rename(code)
    elif request.job.code is not None or request.job.includes:
        take_snapshot(
            request.job.code,
            code,
            environ=settings.environ,
            within=settings.state_folder.resolve(),
            includes=request.job.includes,
        )
    # where the logs are mounted; an engine that must make it itself would make it as root
    (code / layout.log_folder).mkdir(parents=True, exist_ok=True)


def _image(request: RunRequest, run: Run, control: LogFile, around: Surroundings) -> str:
    around.workspace.runs.advance(run.name, "Preparing")
    wanted = ImageRequest(
        env=lambda: _environment(request.job, around.workspace),
        kind="training",
        conda=request.conda,
        no_cache=request.no_cache,
        platform=request.platform,
    )
    own = LogFile(around.workspace.folder_of(run.name) / BUILD_LOG)
    build_log = BuildLog((control, own), around.on_event)

    def say(text: str) -> None:
        control.stamp(text)
        around.say(text)

    image = build_image(wanted, around.settings, around.engine, say=say, on_event=build_log)
    say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
    return image.tag


def _environment(job: CommandJob, workspace: Workspace) -> Environment:
    try:
        return environment_named(job.environment, workspace)
    except NotFound as error:
        if job.file is None:
            raise
        raise job.error(("environment",), error.message, hint=error.hint) from error


def _tracking_variables(run: Run, around: Surroundings) -> Mapping[str, str]:
    if around.tracking is None:
        return {}
    host = around.engine.host_address().name
    return around.tracking.variables(run, host=host)


def _launch(
    request: RunRequest, run: Run, plan: LaunchPlan, control: LogFile, around: Surroundings
) -> LiveRun:
    workspace, job = around.workspace, request.job
    log = LogFile(workspace.folder_of(run.name) / log_files(job, run.name)[0])
    layout = job_layout(job.era, run.name)
    if job.script is not None:
        log.say(preamble(job, layout, expanded(job.arguments, plan.env)))
    elif job.era == "v1":
        log.say(command_preamble(job.command or "", layout))
    log.path.touch()
    begin = log.path.stat().st_size
    launched = launch_run(around.engine, plan, request.debug)
    control.say(launch_line(launched.plan, engine=run.engine))
    live = LiveRun(
        run=run,
        launched=launched,
        job=job,
        workspace=workspace,
        tracking=around.tracking,
        log=log,
        begin=begin,
        heard=request.heard,
    )
    try:
        address = launched.debug_address
        changes: RunChanges = {"debug_address": address} if address else {}
        live.run = workspace.runs.advance(run.name, "Running", **changes)
    except BaseException:
        launched.handle.stop(grace=0)
        raise
    live.start()
    return live
