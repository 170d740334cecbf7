"""What `run` does with a pipeline or a sweep: plan, walk, show, tell."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from typing_extensions import Self

from toolkit.cli import console
from toolkit.cli.pipeline_debug import plan_debug
from toolkit.cli.pipeline_view import make_view
from toolkit.cli.progress import BuildProgress
from toolkit.cli.workspace import opened_workspace
from toolkit.engines.base import Engine, Serial
from toolkit.engines.registry import make_engine
from toolkit.errors import SpecError, UserCodeFailed
from toolkit.live.pipeline.run import (
    PipelineEnd,
    PipelineRequest,
    Surroundings,
)
from toolkit.live.pipeline.run import (
    run_pipeline as walk_pipeline,
)
from toolkit.live.run import Tracker
from toolkit.plans.pipeline.choice import Selection, select
from toolkit.plans.pipeline.graph import Pipeline
from toolkit.plans.pipeline.picture import Mark, mermaid, svg
from toolkit.plans.pipeline.plan import plan_pipeline, plan_sweep
from toolkit.settings import EngineName, Settings, load_settings
from toolkit.specs.yamlfile import YamlFile
from toolkit.workspace.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder

_LEAST_CONTAINERS: Final = 4  # steps wait for their containers more than they compute
_LEAST_PROCESSES: Final = 2
_MOST_PARALLEL: Final = 8


def run_pipeline(order: RunOrder, file: YamlFile) -> None:
    """Carry out `aml-emu run pipeline.yml`; returns when it has completed, else raises."""
    from toolkit.cli.run_order import default_experiment

    settings = load_settings(engine=order.engine, base=order.base)
    with opened_workspace(settings) as workspace:
        pipeline = plan(file, workspace, overrides=_values(order), environment=order.env)
        selection = _selection(order, pipeline)
        if order.graph is not None:
            write_picture(order.graph, pipeline, {})
            console.say(f"wrote {order.graph}")
        engine = make_engine(settings.engine, settings.environ)
        for note in pipeline.notes:
            console.say(note)
        experiment = order.experiment or pipeline.experiment or default_experiment()
        if order.detach:
            from toolkit.cli.run_detached import detach

            detach(order, settings, experiment=experiment, era="v2")
            return
        debug = plan_debug(order, pipeline, selection, settings, experiment)
        with (
            make_view(selection.graph, json=order.json) as view,
            BuildProgress(json=order.json, view=view.builds) as progress,
            LateTracking(workspace, engine, settings) as tracking,
            engine.series() if isinstance(engine, Serial) else nullcontext(),
        ):
            end = walk_pipeline(
                PipelineRequest(
                    pipeline=pipeline,
                    selection=selection,
                    experiment=experiment,
                    name=order.name,
                    reuse=not order.force,
                    max_parallel=order.max_parallel or _parallel(settings.engine),
                    conda=order.conda,
                    debug=debug,
                    overrides=_values(order),
                ),
                Surroundings(
                    workspace=workspace,
                    engine=engine,
                    settings=settings,
                    tracking=tracking,
                    say=view.say,
                    on_event=progress,
                    on_step=view.step,
                    began=view.began,
                ),
            )
    if order.graph is not None:
        write_picture(order.graph, pipeline, _marks(end))
    _tell(order, end)


class LateTracking:
    """The tracking server, started when the first step asks: reused pipelines never do."""

    def __init__(self, workspace: Workspace, engine: Engine, settings: Settings) -> None:
        self._around = (workspace, engine, settings)
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._tracker: Tracker | None = None
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __call__(self) -> Tracker | None:
        """None where no run could reach it, which was said then."""
        from toolkit.cli.run_order import tracked

        with self._lock:
            if not self._started:
                self._tracker = self._stack.enter_context(tracked(*self._around))
                self._started = True
        return self._tracker


def plan(
    file: YamlFile,
    workspace: Workspace,
    *,
    overrides: Mapping[str, str],
    environment: str | None = None,
) -> Pipeline:
    """The graph of a pipeline or sweep file, with the values that were given for its inputs."""

    def component(reference: str) -> Path:
        version = workspace.assets.get("component", reference)
        if version.path is None:
            raise SpecError(f"the component has no file: {reference}")
        return version.path

    file = replace(file, path=file.path.resolve())
    if isinstance(file.data, dict) and file.data.get("type") == "sweep":
        return plan_sweep(file, overrides=overrides, environment=environment)
    return plan_pipeline(
        file, overrides=overrides, environment=environment, find_component=component
    )


def write_picture(path: Path, pipeline: Pipeline, marks: dict[str, Mark]) -> None:
    """Write the graph as the file's name asks; raises SpecError for other names."""
    title = pipeline.display_name or pipeline.path.stem
    match path.suffix:
        case ".svg":
            text = svg(pipeline.graph, marks, title=title)
        case ".mmd" | ".mermaid":
            text = mermaid(pipeline.graph, marks, title=title)
        case _:
            raise SpecError(
                f"no picture of this kind can be made: {path}",
                hint="name a file that ends in `.svg` or `.mmd`",
            )
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SpecError(f"the picture cannot be written: {path}", details=str(error)) from error


def _selection(order: RunOrder, pipeline: Pipeline) -> Selection:
    start = order.from_step.split(",") if order.from_step else []
    only = [name for each in order.only for name in each.split(",")]
    return select(pipeline.graph, start=start, only=only, force=order.force)


def _values(order: RunOrder) -> dict[str, str]:
    from toolkit.cli.run_order import given_values

    return given_values(order.values)


def _parallel(engine: EngineName) -> int:
    """As many steps at a time as the machine has processors, within reason."""
    least = _LEAST_PROCESSES if engine == "process" else _LEAST_CONTAINERS
    return max(least, min(os.cpu_count() or 1, _MOST_PARALLEL))


def _marks(end: PipelineEnd) -> dict[str, Mark]:
    return {
        name: Mark(found.state, f"{found.seconds:.1f} s" if found.state == "completed" else "")
        for name, found in end.outcomes.items()
    }


def _tell(order: RunOrder, end: PipelineEnd) -> None:
    run = end.run
    counts: dict[str, int] = {}
    for found in end.outcomes.values():
        counts[found.state] = counts.get(found.state, 0) + 1
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    if order.json:
        console.result_json(_document(end))
    for name, error in end.failures:
        if not order.json and isinstance(error, UserCodeFailed) and error.details:
            sys.stdout.write(f"--- {name}\n{error.details}\n")
            sys.stdout.flush()
    if run.status == "Completed":
        console.say(f"pipeline run {run.name} completed: {summary}")
        for name, path in run.outputs.items():
            console.fact(name, str(path))
        return
    if end.failures:
        name, error = end.failures[0]
        if isinstance(error, UserCodeFailed):
            raise UserCodeFailed(
                f"pipeline run {run.name} {run.status}: {summary}; {error.message}", hint=error.hint
            )
        raise error
    raise UserCodeFailed(f"pipeline run {run.name} {run.status}: {summary}")


def _document(end: PipelineEnd) -> dict[str, object]:
    run = end.run
    return {
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "error": run.error and {"code": run.error.code, "message": run.error.message},
        "outputs": {name: str(path) for name, path in run.outputs.items()},
        "steps": {
            name: {
                "state": found.state,
                "run": found.run,
                "seconds": round(found.seconds, 3),
                "why": found.why,
            }
            for name, found in end.outcomes.items()
        },
    }
