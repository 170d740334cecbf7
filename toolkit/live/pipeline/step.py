"""Doing one step: its inputs found, an equal result taken again, or its run started and seen to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from toolkit.errors import EmuError, NotFound, UserCodeFailed
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.context import Context
from toolkit.live.pipeline.fingerprint import fingerprint, name_in_pipeline
from toolkit.live.pipeline.inputs import StepInputs, step_inputs
from toolkit.live.pipeline.outcome import Outcome, StepChanged, StepNote
from toolkit.live.pipeline.reuse import FINGERPRINT, PIPELINE, STEP, Result, take_again
from toolkit.live.pipeline.slots import Slots
from toolkit.live.room import FULL, full_disk
from toolkit.live.run import RunCanceled, RunRequest
from toolkit.live.run_events import Event
from toolkit.plans.output_path import with_names
from toolkit.plans.pipeline.choice import loop_of
from toolkit.plans.pipeline.graph import LoopWork, ParallelWork, Step, SweepWork
from toolkit.plans.run import ResolvedInput, log_files
from toolkit.specs.inputs import LITERAL_TYPES
from toolkit.specs.job import CommandJob
from toolkit.workspace.model import Run, RunKind
from toolkit.workspace.names import fresh_run_name

CONTROL_PROPERTY: Final = "azureml.pipeline.control"
_TAIL: Final = 4000

Heard = Callable[[Event], None]


class Steps:
    """Performs steps of one pipeline run, from several threads; `cancel` ends what runs."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.slots = Slots(context.max_parallel)
        self._running: set[Any] = set()
        self._lock = threading.Lock()
        self._canceled = False

    def cancel(self) -> None:
        """End all runs of steps; each `perform` then returns."""
        with self._lock:
            self._canceled = True
            running = list(self._running)
        self.slots.close()
        self.context.images.cancel()
        for each in running:
            begin_cancel(each)

    def look(self) -> bool:
        """Whether the pipeline's run was asked to end; steps that were asked to are cancelled."""
        runs = self.context.workspace.runs
        with self._lock:
            running = [each for each in self._running if hasattr(each, "run")]  # no loop has one
        for each in running:
            if runs.get(each.run.name).status == "CancelRequested":
                begin_cancel(each)
        return runs.get(self.context.parent.name).status == "CancelRequested"

    def watch(self, running: Any) -> None:
        """Something with `cancel()` that must not outlive the walk."""
        with self._lock:
            self._running.add(running)
            late = self._canceled
        if late:
            running.cancel()

    def forget(self, running: Any) -> None:
        with self._lock:
            self._running.discard(running)

    def perform(self, step: Step, known: Mapping[str, Outcome]) -> Outcome:
        """Do it, or take an equal result; raises EmuError for what cannot begin."""
        try:
            return self._perform(step, known)
        except RunCanceled:
            return Outcome(state="canceled", why="canceled")
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise full_disk(self.context.workspace.state_folder) from error

    def _perform(self, step: Step, known: Mapping[str, Outcome]) -> Outcome:
        context = self.context
        if step.name in context.taken:
            return self._last(step)
        if isinstance(step.work, LoopWork):
            from toolkit.live.pipeline.loop import perform_loop  # noqa: PLC0415  # it performs steps

            return perform_loop(self, step, known)
        inputs = step_inputs(step, known, context.locator, context.digests)
        mark = fingerprint(step, inputs.digests, context.digests, context.environments)
        again = self._equal(step, mark)
        if again is not None:
            return take_again(
                context.workspace,
                step,
                again,
                context.parent,
                properties=self.properties(step, mark),
            )
        outcome = self._run(step, inputs, mark)
        if outcome.state != "completed":
            return outcome
        name = name_in_pipeline(context.path, step.name)
        return context.results.keep(mark, name, outcome, context.parent.name)

    def properties(self, step: Step, mark: str) -> dict[str, str]:
        return {
            PIPELINE: str(self.context.path),
            STEP: step.name,
            FINGERPRINT: mark,
            "azureml.pipelinerunid": self.context.parent.name,
            "azureml.moduleName": step.display_name or step.name,
        }

    def request(
        self, step: Step, job: CommandJob, inputs: StepInputs, mark: str, *, kind: RunKind
    ) -> RunRequest:
        """The run of a step's command."""
        debug, experiment = self.context.debug, self.context.parent.experiment
        name = debug.run_names.get(step.name) or fresh_run_name(job.era, experiment)
        return RunRequest(
            job=job,
            experiment=experiment,
            name=name,
            parent=self.context.parent,
            kind=kind,
            inputs=inputs.resolved,
            outputs_to=self.places(step, name),
            debug=debug.debugs.get(step.name),
            display_name=step.display_name or step.name,
            tags=step.tags,
            properties=self.properties(step, mark),
            definition=self.definition(step, inputs.resolved),
            image=self.context.images.of(job),
            heard=partial(self._heard, step.name),
        )

    def _heard(self, step: str, event: Mapping[str, Any]) -> None:
        """What the program in the container says of its debugger."""
        match event["event"]:
            case "waiting":
                text = f"waits up to {event['seconds']:g} s for a debugger"
            case "attached":
                text = "the debugger is attached"
            case "unattended":
                text = "nobody attached, it goes on without a debugger"
            case "raised":
                text = f"stopped at {event['error']}: attach within {event['seconds']:g} s"
            case _:
                return
        self.context.on_step(StepNote(step=step, text=text))

    def start(self, step: Step, request: RunRequest) -> LiveRun:
        """Launch, and tell that it runs; whoever calls this calls `finish`."""
        announced = threading.Event()
        try:
            live = self.context.launch(replace(request, heard=_after(announced, request.heard)))
            self.watch(live)
            self.context.on_step(StepChanged(step=step.name, state="running", run=live.run.name))
            if request.debug is not None:
                self.context.debug.announce(step, live)
        finally:
            announced.set()
        return live

    def finish(self, step: Step, live: LiveRun, job: CommandJob) -> Outcome:
        try:
            run = live.wait()
        finally:
            self.forget(live)
        if run.status == "Failed" and live.engine_lost is not None:
            raise live.engine_lost  # whatever was its last word: no other step can run
        return ended(step, run, log_of(live, job))

    def _run(self, step: Step, inputs: StepInputs, mark: str) -> Outcome:
        match step.work:
            case SweepWork():
                from toolkit.live.pipeline.sweep import perform_sweep  # noqa: PLC0415  # as above

                return perform_sweep(self, step, step.work, inputs, mark)
            case ParallelWork():
                from toolkit.live.pipeline.parallel import parallel_job  # noqa: PLC0415  # as above

                job = parallel_job(step.work, debug=step.name in self.context.debug.debugs)
                request = self.request(step, job, inputs, mark, kind="parallel")
            case CommandJob():
                request = self.request(step, step.work, inputs, mark, kind="step")
            case _:
                raise TypeError(step.name)
        with self.slots.one():
            return self.finish(step, self.start(step, request), request.job)

    def _equal(self, step: Step, mark: str) -> Result | None:
        context = self.context
        if {step.name, loop_of(step.name)} & context.anew or step.name in context.debug.debugs:
            return None
        result = context.results.equal(mark)
        if result is None:
            return None
        may = context.reuse and step.is_deterministic
        return result if may or result.pipeline_run in context.resumed else None

    def _last(self, step: Step) -> Outcome:
        context = self.context
        result = context.results.last(name_in_pipeline(context.path, step.name))
        if result is None:
            raise NotFound(
                f"step `{step.name}` has no finished run whose outputs are still there",
                hint="run the pipeline without `--from` and `--only` first",
            )
        properties = self.properties(step, "")
        outcome = take_again(context.workspace, step, result, context.parent, properties=properties)
        return Outcome(**{**vars(outcome), "why": f"taken from {result.run}"})

    def places(self, step: Step, run: str) -> dict[str, Path]:
        """Where the outputs with a path of their own must land, if that run writes them."""
        context, places = self.context, {}
        for output in step.outputs.values():
            if output.path is None:
                continue
            text = with_names(output.path, run=run, output=output.name)
            places[output.name] = context.locator.locate(
                text, folder=context.path.parent, must_exist=False
            ).resolve()
        return places

    def definition(self, step: Step, inputs: Mapping[str, ResolvedInput]) -> dict[str, Any]:
        """Enough to open the step again with the same inputs."""
        return {
            "pipeline": str(self.context.path),
            "step": step.name,
            "overrides": dict(self.context.overrides),
            "inputs": {
                name: {
                    "type": given.type,
                    "mode": given.mode,
                    "value": given.value,
                    "path": str(given.path) if given.path else None,
                }
                for name, given in inputs.items()
            },
        }


def begin_cancel(running: Any) -> None:
    """Beside whoever asks: each may take its time, and several end at once."""
    threading.Thread(target=running.cancel, name="cancel", daemon=True).start()


def _after(announced: threading.Event, heard: Heard | None) -> Heard | None:
    """Where a step's debugger is must be known before it is said to wait there."""
    if heard is None:
        return None

    def wait_and_hear(event: Event) -> None:
        announced.wait()
        heard(event)

    return wait_and_hear


def ended(step: Step, run: Run, log: str) -> Outcome:
    """The outcome that a run's end means for its step."""
    if run.status == "Completed":
        return Outcome(
            state="completed",
            run=run.name,
            outputs=dict(run.outputs),
            values=control_values(step, run),
        )
    problem = run.error.message if run.error else f"its run is {run.status}"
    if run.status == "Canceled" and not (run.error and run.error.code == "JobTimedOut"):
        return Outcome(state="canceled", run=run.name, why="canceled")
    error: EmuError = UserCodeFailed(
        f"step `{step.name}` failed: {problem}",
        details=log,
        hint=f"open it in the debugger with `aml-emu run {run.parent}:{step.name} --debug`",
    )
    return Outcome(state="failed", run=run.name, error=error, why=problem)


def control_values(step: Step, run: Run) -> dict[str, str]:
    """The values of outputs that are values: what the step wrote, or told the run history."""
    told = json.loads(run.properties.get(CONTROL_PROPERTY, "{}"))
    values = {}
    for name, output in step.outputs.items():
        if output.type not in LITERAL_TYPES:
            continue
        if name in told:
            values[name] = str(told[name])
        elif name in run.outputs and run.outputs[name].is_file():
            values[name] = run.outputs[name].read_text("utf-8", errors="replace").strip()
    return values


def log_of(live: LiveRun, job: CommandJob) -> str:
    """The end of what a step said."""
    try:
        text = (live.folder / log_files(job, live.run.name)[0]).read_bytes()[-_TAIL:]
    except OSError:
        return ""
    return text.decode("utf-8", errors="replace").strip()
