"""`aml-emu run RUN:STEP`: a step or trial that has run, again with exactly the inputs it had."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolkit.cli import console
from toolkit.cli.pipeline import plan
from toolkit.engines.registry import make_engine
from toolkit.errors import NotFound, SpecError
from toolkit.live.authoring.environments import environment_maker
from toolkit.live.authoring.pipeline_record import is_recorded, recorded_graph
from toolkit.live.inputs import data_locator
from toolkit.live.pipeline.parallel import BATCH_VARIABLE, FAILED_FOLDER, parallel_job
from toolkit.live.pipeline.reuse import STEP
from toolkit.live.pipeline.trials import TRIAL, trial_job
from toolkit.plans.pipeline.choice import step_of_run
from toolkit.plans.pipeline.graph import Graph, LoopWork, ParallelWork, Step, SweepWork
from toolkit.specs.inputs import Input
from toolkit.specs.job import CommandJob
from toolkit.specs.yamlfile import load_yaml, nearest
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder
    from toolkit.settings import Settings

_STEP: Final = re.compile(r"(?P<run>[A-Za-z0-9][\w.-]*)(:(?P<step>[^:/]+)(:(?P<trial>[\w.-]+))?)?")
_BATCH: Final = re.compile(r"mini_batch_(\d+)\.json")
BEST: Final = "best"


def is_step(file: Path, settings: Settings) -> bool:
    """Whether it is `RUN:STEP`, `RUN:SWEEP:TRIAL` or the run of one of them, and no file's name."""
    match = _STEP.fullmatch(str(file))
    if match is None or file.exists():
        return False
    return match["step"] is not None or _is_run(match["run"], settings)


def step_job(order: RunOrder, settings: Settings) -> CommandJob:
    """The job of that step or trial: its code as it is now, its inputs as they were.

    Raises NotFound for a run or step that is not there, SpecError for one without code of its own.
    """
    match = _STEP.fullmatch(str(order.file))
    assert match is not None  # noqa: S101  # `is_step` was asked
    with Workspace.open(settings.state_folder) as workspace:
        run = _ran(workspace, workspace.runs.get(match["run"]))
        for name in filter(None, (match["step"], match["trial"])):
            below = _trial_run if run.kind == "sweep" else _step_run
            run = _ran(workspace, below(workspace, run, name))
        definition = _definition(run)
        folder = workspace.folder_of(run.name)
        graph = _planned(definition, workspace, order, settings)
    step = step_of_run(graph, str(definition["step"]))
    if step is None:
        raise NotFound(
            f"{definition['pipeline']} has no step `{definition['step']}` any more",
            hint=nearest(str(definition["step"]), [*graph.steps]),
        )
    job = _job(step, folder, debug=order.debug is not None or order.debug_on_error)
    # what it writes now is nobody's result: no path and no name that others read
    free = {"name": None, "version": None, "path": None}
    outputs = {name: output.model_copy(update=free) for name, output in job.outputs.items()}
    inputs = {**job.inputs, **_inputs(definition["inputs"])}
    return replace(job, inputs=inputs, outputs=outputs, experiment=run.experiment)


def _is_run(name: str, settings: Settings) -> bool:
    if not Workspace.is_there(settings.state_folder):
        return False
    with Workspace.open(settings.state_folder) as workspace:
        try:
            workspace.runs.get(name)
        except NotFound:
            return False
    return True


def _step_run(workspace: Workspace, parent: Run, step: str) -> Run:
    """The last run of that step below a pipeline run."""
    children = [run for run in workspace.runs.children(parent.name) if STEP in run.properties]
    found = [run for run in children if run.properties[STEP] == step]
    if not found:
        known = [run.properties[STEP] for run in children]
        raise NotFound(
            f"run `{parent.name}` has no step `{step}` that was begun",
            hint=nearest(step, known) if known else "it has no steps",
        )
    return found[-1]


def _trial_run(workspace: Workspace, sweep: Run, trial: str) -> Run:
    """By its number, its run's name, or as the best one."""
    if trial == BEST:
        trial = sweep.properties.get("best_child_run_id", trial)
    below = workspace.runs.children(sweep.name)
    trials = {run.properties[TRIAL]: run for run in below if TRIAL in run.properties}
    for number, run in trials.items():
        if trial in {number, run.name}:
            return run
    raise NotFound(
        f"run `{sweep.name}` has no trial `{trial}`",
        hint=f"there is: {', '.join(sorted(trials, key=int))}" if trials else "it has no trials",
    )


def _ran(workspace: Workspace, run: Run) -> Run:
    """Of a reused step, the run whose result it took."""
    reused = run.properties.get("azureml.reusedrunid")
    return workspace.runs.get(reused) if reused else run


def _definition(run: Run) -> Mapping[str, Any]:
    """What the step was given."""
    if "step" in run.definition and "inputs" in run.definition:
        return run.definition
    hint = f"`aml-emu runs list --parent {run.name}` shows the runs below it"
    if run.kind == "sweep":
        hint = f"open a trial: `aml-emu run {run.name}:{BEST} --debug`"
    raise SpecError(f"run `{run.name}` is a {run.kind} and cannot be opened by itself", hint=hint)


def _planned(
    definition: Mapping[str, Any], workspace: Workspace, order: RunOrder, settings: Settings
) -> Graph:
    """Of the pipeline's file as it is now; what a script had submitted is kept."""
    where = str(definition["pipeline"])
    if not is_recorded(workspace, where):
        file = load_yaml(Path(where), what="pipeline file")
        overrides = dict(definition.get("overrides") or {})
        return plan(file, workspace, overrides=overrides, environment=order.env).graph
    engine = make_engine(settings.engine, settings.environ)
    return recorded_graph(
        workspace,
        where,
        locator=data_locator(workspace, settings, say=console.say),
        environment_of=environment_maker(settings, engine, kind="training", say=console.say),
    )


def _job(step: Step, folder: Path, *, debug: bool) -> CommandJob:
    match step.work:
        case CommandJob():
            return step.work
        case ParallelWork():
            return _failed_batches(parallel_job(step.work, debug=debug), folder)
        case SweepWork():
            return trial_job(step.work)
        case LoopWork():
            raise SpecError(f"a step of kind `{step.kind}` has no code of its own: `{step.name}`")


def _failed_batches(job: CommandJob, folder: Path) -> CommandJob:
    """Only the mini-batches that failed, if any did."""
    names = [each.name for each in (folder / FAILED_FOLDER).glob("*.json")]
    numbers = sorted(int(m[1]) for name in names if (m := _BATCH.fullmatch(name)))
    if not numbers:
        return job
    text = ",".join(map(str, numbers))
    console.say(f"only the mini-batches that failed are run: {text}")
    return replace(job, environment_variables={**job.environment_variables, BATCH_VARIABLE: text})


def _inputs(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Input]:
    return {
        name: Input.model_validate(
            {
                "type": given["type"],
                "mode": given["mode"] if given["path"] else None,
                "path": given["path"],
                "value": given["value"],
                "optional": given["path"] is None and given["value"] is None,
            }
        )
        for name, given in told.items()
    }
