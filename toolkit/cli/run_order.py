"""What `run` does, step by step: read, start, show, wait, tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from toolkit.cli import console
from toolkit.cli.progress import BuildProgress
from toolkit.cli.run_debugging import debug_of, tell_debugger, told_of_debugger
from toolkit.cli.run_flags import refuse_meaningless
from toolkit.cli.workspace import opened_workspace
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.errors import EmuError, EngineUnavailable, SpecError, UserCodeFailed
from toolkit.live.inputs import data_locator, resolve_inputs
from toolkit.live.run import LiveRun, RunRequest, Tracker, start_run
from toolkit.live.run_files import logs_of
from toolkit.live.run_outcome import DISK_FULL, ENGINE_LOST
from toolkit.plans.model import CondaMode
from toolkit.settings import Settings, load_settings
from toolkit.specs.environment import Environment, load_environment
from toolkit.specs.inputs import with_values
from toolkit.specs.job import CommandJob, command_job, script_job
from toolkit.specs.runconfig import is_run_configuration, run_configuration
from toolkit.specs.yamlfile import YamlFile, load_yaml
from toolkit.workspace.database import WorkspaceUnusable
from toolkit.workspace.model import Run
from toolkit.workspace.references import is_reference
from toolkit.workspace.workspace import Workspace

_INPUT: Final = "inputs."
_USERS_FAILURE: Final = 1
_PATIENCE: Final = 300.0  # seconds
_TRACEBACK_SHOWN: Final = re.compile(r"exit code \d+: ")  # of the process whose log was shown
_PIPELINES: Final = {"pipeline", "sweep"}
_MACHINES: Final[Mapping[str, type[EmuError]]] = {
    ENGINE_LOST: EngineUnavailable,
    DISK_FULL: WorkspaceUnusable,
}
_OTHER_LOGS: Final = ("process_", "driver_log_", "mpi_log")


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """The flags of `run`, checked by nobody yet."""

    file: Path
    arguments: tuple[str, ...] = ()
    env: str | None = None
    code: Path | None = None
    values: tuple[str, ...] = ()
    name: str | None = None
    experiment: str | None = None
    debug: str | None = None
    debug_on_error: bool = False
    wait: float | None = None
    debug_port: int | None = None
    detach: bool = False
    from_step: str | None = None
    only: tuple[str, ...] = ()
    force: bool = False
    max_parallel: int | None = None
    graph: Path | None = None
    base: str | None = None
    conda: CondaMode = "auto"
    no_cache: bool = False
    platform: str | None = None
    engine: str | None = None
    json: bool = False

    @property
    def patience(self) -> float:
        """How many seconds a debugger is waited for."""
        return _PATIENCE if self.wait is None else self.wait


def carry_out(order: RunOrder) -> None:
    """Run what the file describes; returns when it has completed.

    Raises typer.Exit(1) where the user's own traceback has said why it failed, EngineUnavailable
    or WorkspaceUnusable where this machine is the reason, UserCodeFailed for every other end but
    `Completed`.
    """
    settings = load_settings(engine=order.engine, base=order.base)
    again = not order.file.exists() and _is_step(order.file, settings)
    no_yaml = again or order.file.suffix == ".py"
    file = None if no_yaml else load_yaml(order.file, what="job file")
    if file is not None and _type(file) in _PIPELINES:
        from toolkit.cli.pipeline import run_pipeline

        refuse_meaningless(order, "pipeline")
        run_pipeline(order, file)
        return
    refuse_meaningless(order, "step" if again else "script" if file is None else "job")
    job = _step(order, settings) if again else job_of(order, file)
    if again and job.era == "v1":
        order = replace(order, conda="pip-only")  # as its image was built before
    if order.detach:
        from toolkit.cli.run_detached import detach

        experiment = order.experiment or job.experiment or default_experiment()
        detach(order, settings, experiment=experiment, era=job.era)
        return
    for note in job.notes:
        console.say(note)
    engine = make_engine(settings.engine, settings.environ)
    with (
        opened_workspace(settings) as workspace,
        tracked(workspace, engine, settings) as tracking,
    ):
        run = _run(order, job, settings, workspace, engine, tracking)
    _end(order, run, workspace)


def _is_step(file: Path, settings: Settings) -> bool:
    from toolkit.cli.pipeline_reopen import is_step  # pipelines take long to import

    return is_step(file, settings)


def _step(order: RunOrder, settings: Settings) -> CommandJob:
    from toolkit.cli.pipeline_reopen import step_job  # as above

    return step_job(order, settings)


def job_of(order: RunOrder, file: YamlFile | None) -> CommandJob:
    """The job that the order describes, with the values that were given for its inputs."""
    if file is None:
        if order.env is None:
            raise SpecError(
                f"in which environment? {order.file}", hint="name one with `--env env.yml`"
            )
        return script_job(
            order.file,
            environment=environment_given(order.env),
            arguments=order.arguments,
            code=order.code,
        )
    job = run_configuration(file) if is_run_configuration(file) else command_job(file)
    if order.env is not None:
        job = replace(job, environment=environment_given(order.env))
    if order.arguments:
        if job.script is None:
            raise file.error(
                ("command",),
                "a command takes no further arguments",
                hint="set an input with `--set inputs.NAME=VALUE`",
            )
        job = replace(job, arguments=order.arguments)
    return replace(job, inputs=with_values(job.inputs, given_values(order.values)))


def given_values(values: tuple[str, ...]) -> dict[str, str]:
    """`inputs.x=1` is {"x": "1"}."""
    given: dict[str, str] = {}
    for text in values:
        key, sign, value = text.partition("=")
        if not sign or not key.startswith(_INPUT):
            raise SpecError(f"not an input: `{text}`", hint="write `--set inputs.NAME=VALUE`")
        given[key.removeprefix(_INPUT)] = value
    return given


@contextmanager
def tracked(workspace: Workspace, engine: Engine, settings: Settings) -> Iterator[Tracker | None]:
    """The tracking server for as long as runs go on; without one where no run could reach it."""
    from toolkit.live.tracking.server import Tracking

    try:
        bind = engine.host_address().bind
    except EngineUnavailable as error:
        console.warn(f"metrics are not recorded: {error.message}")
        yield None
        return
    with Tracking(workspace, binds=[bind], datastores=settings.datastores) as tracking:
        yield tracking


def default_experiment() -> str:
    """What the CLI of the service takes: the name of the folder."""
    return Path.cwd().name or "default"


def _run(
    order: RunOrder,
    job: CommandJob,
    settings: Settings,
    workspace: Workspace,
    engine: Engine,
    tracking: Tracker | None,
) -> Run:
    request = RunRequest(
        job=job,
        experiment=order.experiment or job.experiment or default_experiment(),
        name=order.name,
        inputs=resolve_inputs(job, data_locator(workspace, settings, say=console.say)),
        debug=debug_of(order, job),
        conda=order.conda,
        no_cache=order.no_cache,
        platform=order.platform,
        color=sys.stdout.isatty(),
        heard=told_of_debugger,
    )
    with BuildProgress(json=order.json) as progress:
        live = start_run(
            request,
            workspace=workspace,
            engine=engine,
            settings=settings,
            tracking=tracking,
            say=progress.say,
            on_event=progress,
        )
    return _shown(order, live, job, settings)


def _shown(order: RunOrder, live: LiveRun, job: CommandJob, settings: Settings) -> Run:
    """Copy the job's output to ours until it has ended; Ctrl-C ends it."""
    stream = sys.stderr if order.json else sys.stdout
    try:
        console.say(f"run {live.run.name} (experiment {live.run.experiment})")
        tell_debugger(live, job, settings)
        for chunk in live.follow():
            stream.buffer.write(chunk)
            stream.buffer.flush()
        return live.wait()
    except BaseException:
        live.cancel()
        run = live.wait()
        console.say(f"run {run.name}: {run.status}")
        raise


def _end(order: RunOrder, run: Run, workspace: Workspace) -> None:
    folder = workspace.folder_of(run.name)
    if order.json:
        console.result_json(document(run, folder))
    if run.status == "Completed":
        console.say(f"run {run.name} completed; outputs: {folder / 'outputs'}")
        return
    error = run.error
    if error and _TRACEBACK_SHOWN.match(error.message):
        raise typer.Exit(_USERS_FAILURE)  # the last thing said is the user's own traceback
    others = [name for name in logs_of(folder) if any(part in name for part in _OTHER_LOGS)]
    failed = _MACHINES.get(error.code, UserCodeFailed) if error else UserCodeFailed
    raise failed(
        f"run {run.name} {run.status}: {error.message if error else 'it was canceled'}",
        hint=f"see `aml-emu runs logs {run.name}`"
        + (f", and with `--file`: {', '.join(others)}" if others else ""),
    )


def document(run: Run, folder: Path) -> dict[str, object]:
    """A run for programs."""
    return {
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "exit_code": run.exit_code,
        "error": run.error and {"code": run.error.code, "message": run.error.message},
        "folder": str(folder),
        "outputs": {name: str(path) for name, path in run.outputs.items()},
        "debugger": run.debug_address,
    }


def environment_given(text: str) -> Environment | str:
    """What `--env` means: a registered or curated name is kept for the workspace to resolve."""
    return text if is_reference(text) else load_environment(text)


def _type(file: YamlFile) -> str:
    return str(file.data.get("type", "")) if isinstance(file.data, dict) else ""
