"""A sweep: trials of one command with other values each; the hopeless end early."""

from __future__ import annotations

import math
import queue
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from toolkit.errors import EmuError, EngineUnavailable, UserCodeFailed
from toolkit.live.early_stop import evaluated, hopeless
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.inputs import StepInputs
from toolkit.live.pipeline.outcome import Outcome, StepChanged, StepNote
from toolkit.live.pipeline.step import Steps, begin_cancel
from toolkit.live.pipeline.trials import TRIAL, trial_job, tried
from toolkit.live.run import RunRequest
from toolkit.live.sampling import Values, make_sampler
from toolkit.plans.pipeline.graph import Step, SweepWork
from toolkit.specs.sweep import SweepKeys, TruncationSelection, grid_size
from toolkit.workspace.model import NewAsset, NewRun, Run, RunError
from toolkit.workspace.owners import this_process

_LOOK_SECONDS: Final = 0.5
_DEFAULT_TRIALS: Final = 1000  # the service's own limit
_MODELS: Final = frozenset({"mlflow_model", "custom_model", "triton_model"})


@dataclass(eq=False)
class _Trial:
    """One trial as far as it has come."""

    number: int
    values: Values
    live: LiveRun | None = None
    run: Run | None = None
    metric: float | None = None
    error: EmuError | None = None
    ended_early: bool = False
    judged: int = 0  # the interval at which a policy has looked at it


@dataclass(eq=False)
class _Sweep:
    """The state of one sweep; one thread for each trial, this one decides."""

    steps: Steps
    step: Step
    keys: SweepKeys
    run: Run
    request: RunRequest
    trials: list[_Trial] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: queue.SimpleQueue[_Trial] = field(default_factory=queue.SimpleQueue)
    canceled: bool = False
    ending: bool = False

    def cancel(self) -> None:
        """Called when the pipeline ends before the sweep does."""
        self.canceled = True
        self.end_trials()

    def end_trials(self) -> None:
        """All that run; one that is just started ends itself."""
        self.ending = True
        with self.lock:
            running = [t.live for t in self.trials if t.live is not None and t.run is None]
        for live in running:
            begin_cancel(live)


def perform_sweep(
    steps: Steps, step: Step, work: SweepWork, inputs: StepInputs, mark: str
) -> Outcome:
    """All trials; the outputs are those of the best one."""
    sampler = make_sampler(work.keys)
    request = _request(steps, step, work, inputs, mark)
    run = _sweep_run(steps, step, mark)
    steps.context.on_step(StepChanged(step=step.name, state="running", run=run.name))
    sweep = _Sweep(steps, step, work.keys, run, request)
    steps.watch(sweep)
    try:
        _walk(sweep, sampler)
    except BaseException as error:
        sweep.end_trials()
        problem = RunError(code="SystemError", message=str(error))
        steps.context.workspace.runs.advance(run.name, "Failed", error=problem)
        raise
    finally:
        steps.forget(sweep)
    return _ended(sweep)


def _walk(sweep: _Sweep, sampler: Any) -> None:
    limits = sweep.keys.limits
    most = limits.max_total_trials or _DEFAULT_TRIALS
    if sweep.keys.sampling.type == "grid":
        most = min(most, grid_size(sweep.keys.search_space))
    side_by_side = limits.max_concurrent_trials or sweep.steps.context.max_parallel
    side_by_side = min(side_by_side, sweep.steps.context.max_parallel)
    deadline = time.monotonic() + limits.timeout if limits.timeout else None
    running = 0
    more = True
    while more or running:
        more = more and len(sweep.trials) < most and not sweep.canceled
        if deadline is not None and time.monotonic() > deadline and not sweep.canceled:
            _note(sweep, f"the sweep's time-out of {limits.timeout:g} s is over")
            more = False
            deadline = None
            sweep.end_trials()
        while more and running < side_by_side and len(sweep.trials) < most:
            asked = sampler.ask()
            if asked is None:
                more = False
                break
            _begin(sweep, *asked)
            running += 1
        try:
            trial = sweep.over.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            _end_hopeless(sweep)
            continue
        running -= 1
        if isinstance(trial.error, EngineUnavailable) and not sweep.canceled:
            raise trial.error  # no other trial can run
        sampler.tell(trial.number, trial.metric)


def _begin(sweep: _Sweep, number: int, values: Values) -> None:
    trial = _Trial(number, values)
    with sweep.lock:
        sweep.trials.append(trial)
    threading.Thread(target=_try, args=(sweep, trial), name="trial", daemon=True).start()


def _try(sweep: _Sweep, trial: _Trial) -> None:
    try:
        inputs = {**sweep.request.inputs, **tried(trial.values)}
        request = replace(
            sweep.request,
            parent=sweep.run,
            inputs=inputs,
            display_name=f"{sweep.step.name} trial {trial.number}",
            properties={**sweep.request.properties, TRIAL: str(trial.number)},
            definition=sweep.steps.definition(sweep.step, inputs),
        )
        with sweep.steps.slots.one():
            _carry_out(sweep, trial, request)
    except EmuError as error:
        trial.error = error
    finally:
        _note(sweep, _told(sweep, trial))
        sweep.over.put(trial)


def _carry_out(sweep: _Sweep, trial: _Trial, request: RunRequest) -> None:
    trial.live = sweep.steps.context.launch(request)
    runs = sweep.steps.context.workspace.runs
    runs.set_parameters(trial.live.run.name, {k: str(v) for k, v in trial.values.items()})
    if sweep.ending:
        trial.live.cancel()
    trial.run = trial.live.wait()
    if trial.run.status == "Failed" and trial.live.engine_lost is not None:
        trial.error = trial.live.engine_lost
    trial.metric = _metric(sweep, trial.run) if trial.run.status == "Completed" else None


def _told(sweep: _Sweep, trial: _Trial) -> str:
    values = ", ".join(f"{name}={_short(value)}" for name, value in trial.values.items())
    if trial.error is not None:
        return f"trial {trial.number} ({values}): {trial.error.message}"
    if trial.ended_early:
        return f"trial {trial.number} ({values}): ended early"
    metric = "no metric" if trial.metric is None else f"{trial.metric:g}"
    status = trial.run.status if trial.run else "Failed"
    end = "" if status == "Completed" else f" {status}"
    return f"trial {trial.number} ({values}):{end} {sweep.keys.objective.primary_metric} {metric}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _end_hopeless(sweep: _Sweep) -> None:
    policy = sweep.keys.early_termination
    if policy is None:
        return
    with sweep.lock:
        running = {t.live.run.name: t for t in sweep.trials if t.live is not None and t.run is None}
        ended = [t.run.name for t in sweep.trials if t.run is not None]
    series = {name: _series(sweep, name) for name in running}
    ending = hopeless(
        policy,
        maximize=sweep.keys.objective.goal == "maximize",
        running=series,
        finished={name: _series(sweep, name) for name in ended},
    )
    for name, trial in running.items():
        before, trial.judged = trial.judged, evaluated(policy, len(series[name]))
        # of each interval's trials a share is ended once, not of those that are left once more
        again = isinstance(policy, TruncationSelection) and before == trial.judged
        if name not in ending or again or trial.ended_early:
            continue
        trial.ended_early = True
        assert trial.live is not None  # noqa: S101  # it runs
        trial.live.cancel()


def _metric(sweep: _Sweep, run: Run) -> float | None:
    """The last value; one that is not a number is no result."""
    logged = _logged(sweep, run.name)
    return logged[-1] if logged and not math.isnan(logged[-1]) else None


def _series(sweep: _Sweep, run: str) -> list[float]:
    """What can be compared."""
    return [value for value in _logged(sweep, run) if not math.isnan(value)]


def _logged(sweep: _Sweep, run: str) -> list[float]:
    metrics = sweep.steps.context.workspace.metrics
    return [each.value for each in metrics.history(run, sweep.keys.objective.primary_metric)]


def _request(
    steps: Steps, step: Step, work: SweepWork, inputs: StepInputs, mark: str
) -> RunRequest:
    """What all trials have in common."""
    trial = trial_job(work)
    request = steps.request(step, trial, inputs, mark, kind="trial")
    return replace(request, name=None, debug=None, outputs_to={})


def _sweep_run(steps: Steps, step: Step, mark: str) -> Run:
    context = steps.context
    return context.workspace.runs.create(
        NewRun(
            experiment=context.parent.experiment,
            kind="sweep",
            display_name=step.display_name or step.name,
            parent=context.parent.name,
            owner=this_process(),
            engine=context.parent.engine,
            status="Running",
            properties=steps.properties(step, mark),
            definition={"pipeline": str(context.path), "step": step.name},
        )
    )


def _ended(sweep: _Sweep) -> Outcome:
    runs = sweep.steps.context.workspace.runs
    best = _best(sweep)
    if sweep.canceled:
        runs.advance(sweep.run.name, "Canceled")
        return Outcome(state="canceled", run=sweep.run.name, why="canceled")
    if best is None or best.run is None:
        metric = sweep.keys.objective.primary_metric
        message = f"no trial completed and logged the metric `{metric}`"
        runs.advance(sweep.run.name, "Failed", error=RunError(code="UserError", message=message))
        first = next((t.error for t in sweep.trials if t.error), None)
        error = first or UserCodeFailed(
            f"sweep `{sweep.step.name}`: {message}",
            hint=f"open a trial in the debugger with `aml-emu run {sweep.run.name}:0 --debug`",
        )
        return Outcome(state="failed", run=sweep.run.name, error=error, why=message)
    outputs = _kept(sweep, best.run)
    properties = {
        "best_child_run_id": best.run.name,
        "score": str(best.metric),
        "primary_metric": sweep.keys.objective.primary_metric,
    }
    runs.add_properties(sweep.run.name, properties)
    runs.advance(sweep.run.name, "Completed", outputs=outputs, exit_code=0)
    return Outcome(
        state="completed",
        run=sweep.run.name,
        outputs=outputs,
        why=f"best of {len(sweep.trials)} trials: {best.run.name} ({best.metric:g})",
    )


def _best(sweep: _Sweep) -> _Trial | None:
    finished = [t for t in sweep.trials if t.metric is not None]
    if not finished:
        return None
    choose = max if sweep.keys.objective.goal == "maximize" else min
    return choose(finished, key=lambda trial: trial.metric or 0.0)


def _kept(sweep: _Sweep, best: Run) -> Mapping[str, Path]:
    """The best trial's outputs, copied to the paths and registered under the names they ask for."""
    outputs = dict(best.outputs)
    for name, place in sweep.steps.places(sweep.step, sweep.run.name).items():
        if name in outputs:
            outputs[name] = _copied(outputs[name], place)
    assets = sweep.steps.context.workspace.assets
    for output in sweep.step.outputs.values():
        if output.register and output.name in outputs:
            assets.register(
                NewAsset(
                    kind="model" if output.type in _MODELS else "data",
                    name=output.register,
                    version=output.version,
                    type=output.type,
                    path=outputs[output.name],
                    source_run=best.name,
                )
            )
    return outputs


def _copied(source: Path, target: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    return target


def _note(sweep: _Sweep, text: str) -> None:
    sweep.steps.context.on_step(StepNote(step=sweep.step.name, text=text))
