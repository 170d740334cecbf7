"""`aml-emu run RUN:STEP`: a step that has run once more, with exactly the inputs it had then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolkit.cli import console
from toolkit.errors import NotFound, SpecError
from toolkit.live.pipeline.parallel import BATCH_VARIABLE, FAILED_FOLDER, parallel_job
from toolkit.live.pipeline.reuse import STEP
from toolkit.plans.pipeline.graph import LoopWork, ParallelWork, Pipeline, Step, SweepWork
from toolkit.plans.pipeline.plan import plan_pipeline
from toolkit.specs.inputs import Input
from toolkit.specs.job import CommandJob
from toolkit.specs.yamlfile import nearest
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder
    from toolkit.settings import Settings

_STEP: Final = re.compile(r"(?P<run>[A-Za-z0-9][\w.-]*):(?P<step>\w[\w.\[\]-]*)")
_BATCH: Final = re.compile(r"mini_batch_(\d+)\.json")


def is_step(file: Path) -> bool:
    """Whether it is `RUN:STEP`, and no file's name."""
    return _STEP.fullmatch(str(file)) is not None and not file.exists()


def step_job(order: RunOrder, settings: Settings) -> CommandJob:
    """The job of that step: its code as it is now, its inputs as they were.

    Raises NotFound for a run or step that is not there, SpecError for one without code of its own.
    """
    match = _STEP.fullmatch(str(order.file))
    assert match is not None  # noqa: S101  # `is_step` was asked
    with Workspace.open(settings.state_folder) as workspace:
        parent = workspace.runs.get(match["run"])
        run = _step_run(workspace, parent, match["step"])
        definition = _definition(workspace, run)
        folder = workspace.folder_of(run.name)
        pipeline = _planned(Path(str(definition["pipeline"])), definition, workspace)
    step = pipeline.graph.steps.get(_planned_name(match["step"]))
    if step is None:
        raise NotFound(
            f"{pipeline.path} has no step `{match['step']}` any more",
            hint=nearest(match["step"], [*pipeline.graph.steps]),
        )
    job = _job(step, folder, debug=order.debug is not None or order.debug_on_error)
    inputs = {**job.inputs, **_inputs(definition["inputs"])}
    outputs = {
        name: output.model_copy(update={"name": None, "version": None})
        for name, output in job.outputs.items()
    }
    return replace(job, inputs=inputs, outputs=outputs, experiment=parent.experiment)


def _step_run(workspace: Workspace, parent: Run, step: str) -> Run:
    """The last run of that step below a pipeline run."""
    found = [r for r in workspace.runs.children(parent.name) if r.properties.get(STEP) == step]
    if not found:
        known = [
            r.properties[STEP] for r in workspace.runs.children(parent.name) if STEP in r.properties
        ]
        raise NotFound(
            f"run `{parent.name}` has no step `{step}` that was begun",
            hint=nearest(step, known) if known else "it has no steps",
        )
    return found[-1]


def _definition(workspace: Workspace, run: Run) -> Mapping[str, Any]:
    """What the step was given; of a reused one, what the run was given whose result it took."""
    reused = run.properties.get("azureml.reusedrunid")
    if "inputs" not in run.definition and reused:
        return workspace.runs.get(reused).definition
    if "inputs" not in run.definition:
        raise SpecError(
            f"run `{run.name}` is a {run.kind} and cannot be opened by itself",
            hint=f"`aml-emu runs list --parent {run.name}` shows the runs below it",
        )
    return run.definition


def _planned(path: Path, definition: Mapping[str, Any], workspace: Workspace) -> Pipeline:
    def component(reference: str) -> Path:
        found = workspace.assets.get("component", reference)
        if found.path is None:
            raise SpecError(f"the component has no file: {reference}")
        return found.path

    return plan_pipeline(
        path, overrides=dict(definition.get("overrides") or {}), find_component=component
    )


def _planned_name(step: str) -> str:
    """`body[3].train` of a loop is planned as part of its body, which only a loop can run."""
    if "[" in step:
        raise SpecError(f"an iteration of a loop cannot be opened by itself: `{step}`")
    return step


def _job(step: Step, folder: Path, *, debug: bool) -> CommandJob:
    match step.work:
        case CommandJob():
            return step.work
        case ParallelWork():
            return _failed_batches(parallel_job(step.work, debug=debug), folder)
        case SweepWork() | LoopWork():
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
