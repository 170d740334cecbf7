"""A sweep: which trial is the best one, and how trials end that are not wanted any more."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.live.pipeline.test_step import ENVIRONMENT, Bench
from tests.unit.plans.pipeline.test_choice import PLACE
from toolkit.errors import EngineUnavailable
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.outcome import Outcome, StepNote
from toolkit.live.pipeline.slots import Slots
from toolkit.live.run import RunCanceled, RunRequest
from toolkit.plans.pipeline.graph import Step, SweepWork
from toolkit.specs.job import CommandJob
from toolkit.specs.sweep import SweepKeys
from toolkit.workspace.model import Metric, NewRun, Run, RunStatus
from toolkit.workspace.workspace import Workspace

SECONDS = 20.0


@dataclass(eq=False)
class Trial:
    """A run that goes on until it is cancelled, or ends at once with what it logs."""

    workspace: Workspace
    run: Run
    logs: tuple[float, ...] = ()
    on_wait: Callable[[], object] = lambda: None
    on_cancel: Callable[[], object] = lambda: None
    engine_lost: EngineUnavailable | None = None
    canceled: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> Run:
        self.on_wait()
        status: RunStatus = "Completed"
        if not self.logs:
            status = "Canceled" if self.canceled.wait(SECONDS) else "Completed"
        for number, value in enumerate(self.logs):
            metric = Metric(key="score", value=value, timestamp=1, step=number)
            self.workspace.metrics.log(self.run.name, [metric])
        return self.workspace.runs.advance(self.run.name, status)

    def cancel(self) -> None:
        self.on_cancel()
        self.canceled.set()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def sweep(values: list[int], **limits: Any) -> Step:
    keys = SweepKeys.model_validate(
        {
            "sampling_algorithm": "grid",
            "search_space": {"x": {"type": "choice", "values": values}},
            "objective": {"goal": "maximize", "primary_metric": "score"},
            "limits": limits,
        }
    )
    job = CommandJob(command="run ${{search_space.x}}", environment=ENVIRONMENT)
    return Step(name="s", work=SweepWork(trial=job, keys=keys), place=PLACE)


def begun(bench: Bench, request: RunRequest) -> Run:
    assert request.parent is not None
    bench.requests.append(request)
    name = request.parent.name
    return bench.workspace.runs.create(
        NewRun(experiment="x", kind="trial", parent=name, status="Running")
    )


def sweep_run(bench: Bench) -> Run:
    (run,) = bench.workspace.runs.list(kind="sweep")
    return run


def test_a_trial_that_logs_nan_is_not_the_best(bench: Bench) -> None:
    def launch(request: RunRequest) -> LiveRun:
        value = float(str(request.inputs["x"].value))
        logged = (value, math.nan) if value in {1, 9} else (value,)
        return cast(LiveRun, Trial(bench.workspace, begun(bench, request), logs=logged))

    steps = bench.steps(launch=launch, max_parallel=1)
    outcome = steps.perform(sweep([1, 2, 3, 9]), {})
    assert outcome.state == "completed"
    assert sweep_run(bench).properties["score"] == "3.0"


def test_all_trials_are_cancelled_at_once(bench: Bench) -> None:
    """Each may take its time over it."""
    together = threading.Barrier(3, timeout=SECONDS / 2)
    running = threading.Semaphore(0)

    def launch(request: RunRequest) -> LiveRun:
        run = begun(bench, request)
        made = Trial(bench.workspace, run, on_wait=running.release, on_cancel=together.wait)
        return cast(LiveRun, made)

    steps = bench.steps(launch=launch, max_parallel=3)
    found: list[Outcome] = []
    work = threading.Thread(target=lambda: found.append(steps.perform(sweep([1, 2, 3]), {})))
    work.start()
    for _ in range(3):
        assert running.acquire(timeout=SECONDS)
    steps.cancel()
    work.join(SECONDS)
    assert [outcome.state for outcome in found] == ["canceled"]
    assert not together.broken
    assert sweep_run(bench).status == "Canceled"


def test_a_trial_that_starts_when_the_time_is_over_is_ended(bench: Bench) -> None:
    over = threading.Event()

    def on_step(event: object) -> None:
        if isinstance(event, StepNote) and "time-out" in event.text:
            over.set()

    made: list[Trial] = []

    def launch(request: RunRequest) -> LiveRun:
        assert over.wait(SECONDS)
        made.append(Trial(bench.workspace, begun(bench, request)))
        return cast(LiveRun, made[-1])

    steps = bench.steps(launch=launch, on_step=on_step, max_parallel=1)
    outcome = steps.perform(sweep([1, 2], timeout=0.01), {})
    assert outcome.state == "failed"
    assert [trial.canceled.is_set() for trial in made] == [True]


def test_without_an_engine_no_more_trials_are_begun(bench: Bench) -> None:
    def launch(request: RunRequest) -> LiveRun:
        begun(bench, request)
        raise EngineUnavailable("the engine does not answer any more")

    steps = bench.steps(launch=launch, max_parallel=1)
    with pytest.raises(EngineUnavailable):
        steps.perform(sweep([1, 2, 3, 4]), {})
    assert len(bench.requests) == 1
    run = sweep_run(bench)
    assert run.status == "Failed"
    assert run.error is not None
    assert "does not answer" in run.error.message


def test_sweeps_side_by_side_have_no_more_runs_than_the_pipeline(bench: Bench) -> None:
    lock, running, most = threading.Lock(), set[str](), 0

    def launch(request: RunRequest) -> LiveRun:
        nonlocal most
        run = begun(bench, request)
        with lock:
            running.add(run.name)
            most = max(most, len(running))

        def end() -> None:
            with lock:
                running.discard(run.name)

        return cast(LiveRun, Trial(bench.workspace, run, logs=(1.0,), on_wait=end))

    steps = bench.steps(launch=launch, max_parallel=2)
    made = [replace(sweep([1, 2, 3, 4]), name=name) for name in ("s", "t")]
    work = [threading.Thread(target=steps.perform, args=(step, {})) for step in made]
    for each in work:
        each.start()
    for each in work:
        each.join(SECONDS)
    assert len(bench.requests) == 8
    assert most <= 2


def test_who_waits_for_a_slot_gets_none_once_the_pipeline_ends() -> None:
    slots = Slots(1)
    found: list[BaseException] = []

    def wait() -> None:
        try:
            with slots.one():
                pass
        except RunCanceled as error:
            found.append(error)

    with slots.one():
        waiting = threading.Thread(target=wait)
        waiting.start()
        slots.close()
        waiting.join(SECONDS)
    assert len(found) == 1
