"""One run of a pipeline: recorded, walked, ended; what a killed one left is gone on with.

outcomes = run_pipeline(PipelineRequest(pipeline=plan_pipeline(path)), surroundings)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from toolkit.engines.base import Engine
from toolkit.errors import EmuError
from toolkit.live.image import OnEvent, Say
from toolkit.live.inputs import data_locator
from toolkit.live.pipeline.check import check_begun_with
from toolkit.live.pipeline.context import Context, Environments, StepDebug, image_builder, launcher
from toolkit.live.pipeline.digest import Digests
from toolkit.live.pipeline.outcome import GOOD, OnStep, Outcome
from toolkit.live.pipeline.reuse import PIPELINE, Results
from toolkit.live.pipeline.step import Steps
from toolkit.live.pipeline.walk import Walk
from toolkit.live.room import FULL, full_disk, give_back_room, keep_room
from toolkit.live.run import Tracker
from toolkit.plans.model import CondaMode
from toolkit.plans.pipeline.choice import Selection
from toolkit.plans.pipeline.graph import Pipeline
from toolkit.settings import Settings
from toolkit.workspace.model import NewRun, Run, RunError
from toolkit.workspace.owners import is_gone, this_process
from toolkit.workspace.workspace import Workspace

STATES: Final = "pipeline-states"  # how far each step came, for pictures of a finished run


@dataclass(frozen=True, kw_only=True)
class PipelineRequest:
    """What is to be walked, and how.

    Without `reuse` every step runs anew. `overrides` are the values that the command line gave.
    """

    pipeline: Pipeline
    selection: Selection
    experiment: str
    name: str | None = None
    reuse: bool = True
    max_parallel: int = 4
    conda: CondaMode = "auto"
    debug: StepDebug = field(default_factory=StepDebug)
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a walk needs beside the request."""

    workspace: Workspace
    engine: Engine
    settings: Settings
    tracking: Callable[[], Tracker | None]
    say: Say
    on_event: OnEvent
    on_step: OnStep
    began: Callable[[Run], None] = lambda run: None  # noqa: ARG005  # nobody asks


@dataclass(frozen=True, kw_only=True)
class PipelineEnd:
    """The run as it ended, and each step's outcome."""

    run: Run
    outcomes: Mapping[str, Outcome]

    @property
    def failures(self) -> list[tuple[str, EmuError]]:
        """What failed by itself, in the order of the graph."""
        return [(name, found.error) for name, found in self.outcomes.items() if found.error]


def run_pipeline(request: PipelineRequest, around: Surroundings) -> PipelineEnd:
    """Walk to the end. On Ctrl-C the steps are cancelled and the run is recorded as such.

    Raises SpecError for what is missing from the start; there is no run then.
    """
    workspace, pipeline = around.workspace, request.pipeline
    check_begun_with(
        request.selection.graph,
        Environments(workspace),
        data_locator(workspace, around.settings, say=around.say),
        taken=request.selection.taken,
    )
    resumed = unfinished_before(workspace, pipeline.path)
    run = workspace.runs.create(_new_run(request, around.engine.name))
    folder = workspace.folder_of(run.name)
    try:
        keep_room(folder)
        around.began(run)
        outcomes = _walk(request, around, run, resumed).run()
        give_back_room(folder)
    except BaseException as error:
        give_back_room(folder)
        told = error
        if isinstance(error, OSError) and error.errno in FULL:
            told = full_disk(workspace.state_folder)
        status, problem = ("Canceled", None)
        if not isinstance(error, KeyboardInterrupt):
            status, problem = ("Failed", RunError(code="SystemError", message=str(told)))
        workspace.runs.advance(run.name, status, error=problem)  # type: ignore[arg-type]  # both are statuses
        if told is error:
            raise
        raise told from error
    return _ended(run, outcomes, request, workspace)


def _walk(
    request: PipelineRequest, around: Surroundings, run: Run, resumed: frozenset[str]
) -> Walk:
    steps = Steps(_context(request, around, run, resumed))
    return Walk(
        request.selection.graph,
        steps.perform,
        max_parallel=request.max_parallel,
        continue_on_failure=request.pipeline.continue_on_failure,
        on_step=around.on_step,
        cancel=steps.cancel,
        look=steps.look,
    )


def _new_run(request: PipelineRequest, engine: str) -> NewRun:
    pipeline = request.pipeline
    return NewRun(
        experiment=request.experiment,
        kind="pipeline",
        name=request.name or pipeline.name,
        display_name=pipeline.display_name or pipeline.path.stem,
        owner=this_process(),
        engine=engine,
        status="Running",
        tags=pipeline.tags,
        properties={PIPELINE: str(pipeline.path), "azureml.runsource": "azureml.PipelineRun"},
        parameters=pipeline.inputs,
        definition={
            "pipeline": str(pipeline.path),
            "overrides": dict(request.overrides),
            "steps": list(request.selection.graph.steps),
        },
    )


def _context(
    request: PipelineRequest, around: Surroundings, run: Run, resumed: frozenset[str]
) -> Context:
    workspace, settings = around.workspace, around.settings
    return Context(
        workspace=workspace,
        parent=run,
        path=request.pipeline.path,
        locator=data_locator(workspace, settings, say=around.say),
        digests=Digests(workspace.documents),
        results=Results(workspace),
        images=image_builder(
            workspace,
            around.engine,
            settings,
            conda=request.conda,
            say=around.say,
            on_event=around.on_event,
        ),
        environments=Environments(workspace),
        launch=launcher(
            workspace,
            around.engine,
            settings,
            tracking=around.tracking,
            say=around.say,
            on_event=around.on_event,
        ),
        on_step=around.on_step,
        anew=request.selection.anew,
        taken=request.selection.taken,
        reuse=request.reuse and not request.pipeline.force_rerun,
        resumed=resumed if request.reuse else frozenset(),
        max_parallel=request.max_parallel,
        debug=request.debug,
        overrides=request.overrides,
    )


def unfinished_before(workspace: Workspace, path: Path) -> frozenset[str]:
    """The runs of this file since one came to its end: the next one goes on with their results.

    Not with those of one that still runs: nobody asked it to.
    """
    found = set()
    for run in workspace.runs.list(kind="pipeline"):
        if run.properties.get(PIPELINE) != str(path):
            continue
        if run.status == "Completed":
            break
        if run.is_terminal or run.owner is None or is_gone(run.owner):
            found.add(run.name)
    return frozenset(found)


def _ended(
    run: Run, outcomes: Mapping[str, Outcome], request: PipelineRequest, workspace: Workspace
) -> PipelineEnd:
    workspace.documents.put(
        STATES,
        run.name,
        {
            name: {"state": found.state, "seconds": round(found.seconds, 3), "run": found.run}
            for name, found in outcomes.items()
        },
    )
    changes: dict[str, Any] = {
        "outputs": {
            name: outcomes[port.step].outputs[port.output]
            for name, port in request.selection.graph.outputs.items()
            if port.output in outcomes[port.step].outputs
        }
    }
    states = {found.state for found in outcomes.values()}
    failed = [name for name, found in outcomes.items() if found.state == "failed"]
    if failed:
        message = f"{len(failed)} of {len(outcomes)} steps failed: {', '.join(failed)}"
        changes["error"] = RunError(code="UserError", message=message)
        ended = workspace.runs.advance(run.name, "Failed", **changes)
    elif states <= GOOD | {"skipped"}:
        ended = workspace.runs.advance(run.name, "Completed", **changes)
    else:
        ended = workspace.runs.advance(run.name, "Canceled", **changes)
    return PipelineEnd(run=ended, outcomes=outcomes)
