"""Doing a step: what its run is given, what its end means, what is taken instead."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.plans.pipeline.test_choice import PLACE
from toolkit.errors import EmuError, EngineUnavailable, NotFound, SpecError, UserCodeFailed
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.context import Context, Environments, Images, StepDebug
from toolkit.live.pipeline.digest import Digests
from toolkit.live.pipeline.inputs import StepInputs
from toolkit.live.pipeline.outcome import Event, Outcome
from toolkit.live.pipeline.reuse import Results
from toolkit.live.pipeline.step import CONTROL_PROPERTY, Steps
from toolkit.live.run import RunCanceled, RunRequest
from toolkit.plans.pipeline.graph import (
    FromStep,
    Given,
    GivenData,
    Source,
    Step,
    StepInput,
    StepOutput,
)
from toolkit.plans.run_debug import RunDebug
from toolkit.settings import Settings
from toolkit.specs.environment import ImageEnvironment
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob
from toolkit.workspace.data import DataLocator
from toolkit.workspace.database import WorkspaceUnusable
from toolkit.workspace.model import NewRun, Run, RunError, RunStatus
from toolkit.workspace.workspace import Workspace

ENVIRONMENT = ImageEnvironment(name="e", image="python:3.11")


@dataclass(eq=False)
class FakeRun:
    """A run that ends as it was told to, once it is waited for."""

    workspace: Workspace
    run: Run
    status: RunStatus
    error: RunError | None
    canceled: bool = False
    engine_lost: EmuError | None = None

    @property
    def folder(self) -> Path:
        return self.workspace.folder_of(self.run.name)

    def wait(self) -> Run:
        return self.workspace.runs.advance(self.run.name, self.status, error=self.error)

    def cancel(self) -> None:
        self.canceled = True


@dataclass
class Bench:
    """Steps whose runs are made up: `write` says what a run leaves in its outputs."""

    folder: Path
    status: RunStatus = "Completed"
    error: RunError | None = None
    lost: EmuError | None = None
    properties: dict[str, str] = field(default_factory=dict)
    write: Callable[[dict[str, Path]], None] = lambda outputs: None
    requests: list[RunRequest] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace = Workspace.open(self.folder / ".aml-emu")
        self.parent = self.workspace.runs.create(
            NewRun(experiment="x", kind="pipeline", name="pipe", status="Running")
        )

    def steps(self, **changes: Any) -> Steps:
        settings = Settings(project=self.folder)
        values: dict[str, Any] = {
            "workspace": self.workspace,
            "parent": self.parent,
            "path": self.folder / "pipeline.yml",
            "locator": DataLocator(workspace=self.workspace, settings=settings, download=Path),
            "digests": Digests(self.workspace.documents),
            "results": Results(self.workspace),
            "images": Images(lambda job: "image:1"),
            "environments": Environments(self.workspace),
            "launch": self.launch,
            "on_step": self.events.append,
        }
        return Steps(Context(**{**values, **changes}))

    def launch(self, request: RunRequest) -> LiveRun:
        self.requests.append(request)
        run = self.workspace.runs.create(
            NewRun(
                experiment=request.experiment,
                kind=request.kind,
                parent="pipe",
                status="Running",
                properties={**request.properties, **self.properties},
            )
        )
        places = {}
        for name, output in request.job.outputs.items():
            place = self.workspace.folder_of(run.name) / "named-outputs" / name
            place.mkdir(parents=True)
            places[name] = place / name if output.is_file else place
        self.write(places)
        run = self.workspace.runs.update(run.name, outputs=places)
        made = FakeRun(self.workspace, run, self.status, self.error, engine_lost=self.lost)
        return cast(LiveRun, made)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def step(kind: str = "uri_folder", source: Source | None = None, **changes: Any) -> Step:
    inputs = {}
    if source is not None:
        inputs["i"] = StepInput(name="i", type=kind, source=source, place=PLACE)
    output = changes.pop("output", "uri_folder")
    written = "uri_folder" if output == "uri_folder" else "uri_file"
    job = CommandJob(
        command="run",
        environment=ENVIRONMENT,
        inputs={name: Input.model_validate({"type": kind}) for name in inputs},
        outputs={"o": Output.model_validate({"type": written})},
    )
    values = {
        "name": "s",
        "work": job,
        "place": PLACE,
        "inputs": inputs,
        "outputs": {"o": StepOutput(name="o", type=output)},
    }
    return Step(**{**values, **changes})


def test_a_run_is_a_child_with_its_step_in_its_properties(bench: Bench) -> None:
    outcome = bench.steps().perform(step("integer", Given(3)), {})
    request = bench.requests[0]
    assert (outcome.state, request.kind, request.image) == ("completed", "step", "image:1")
    assert request.inputs["i"].value == 3
    assert request.properties["aml_emu.step"] == "s"
    assert request.properties["azureml.pipelinerunid"] == "pipe"
    assert request.definition["inputs"]["i"]["value"] == 3


def test_the_same_again_is_taken_not_run(bench: Bench) -> None:
    steps = bench.steps()
    first = steps.perform(step("integer", Given(3)), {})
    again = steps.perform(step("integer", Given(3)), {})
    other = steps.perform(step("integer", Given(4)), {})
    assert (again.state, again.outputs) == ("reused", first.outputs)
    assert other.state == "completed"
    assert len(bench.requests) == 2


def test_not_if_told_otherwise(bench: Bench) -> None:
    bench.steps().perform(step(), {})
    assert bench.steps(anew=frozenset({"s"})).perform(step(), {}).state == "completed"
    assert bench.steps(reuse=False).perform(step(), {}).state == "completed"
    fickle = step(is_deterministic=False)
    assert bench.steps().perform(fickle, {}).state == "completed"
    assert bench.steps(resumed=frozenset({"pipe"})).perform(fickle, {}).state == "reused"


def test_what_another_step_wrote_counts_by_its_content(bench: Bench) -> None:
    reading = step(source=FromStep("before", "o"))
    for name in ("one", "two"):
        (bench.folder / name).mkdir()
    known = Outcome(state="completed", outputs={"o": bench.folder / "one"}, digests={"o": "d"})
    elsewhere = Outcome(state="completed", outputs={"o": bench.folder / "two"}, digests={"o": "d"})
    changed = Outcome(state="completed", outputs={"o": bench.folder / "two"}, digests={"o": "e"})
    steps = bench.steps()
    assert steps.perform(reading, {"before": known}).state == "completed"
    assert bench.requests[0].inputs["i"].path == bench.folder / "one"
    assert steps.perform(reading, {"before": elsewhere}).state == "reused"
    assert steps.perform(reading, {"before": changed}).state == "completed"


def test_data_is_found_beside_the_file_that_names_it(bench: Bench) -> None:
    (bench.folder / "data").mkdir()
    reading = step(source=GivenData("uri_folder", "./data", bench.folder))
    assert bench.steps().perform(reading, {}).state == "completed"
    missing = step(source=GivenData("uri_folder", "./daat", bench.folder))
    with pytest.raises(SpecError, match=r"pipeline.yml:1: input `i`: nothing is there"):
        bench.steps().perform(missing, {})


def test_a_value_is_what_the_step_wrote(bench: Bench) -> None:
    def write(outputs: dict[str, Path]) -> None:
        outputs["o"].write_text("true\n")

    bench.write = write
    assert bench.steps().perform(step(output="boolean"), {}).values == {"o": "true"}
    bench.properties = {CONTROL_PROPERTY: json.dumps({"o": False})}
    outcome = bench.steps(reuse=False).perform(step(output="boolean"), {})
    assert outcome.values == {"o": "False"}


def test_a_failure_says_how_to_open_it(bench: Bench) -> None:
    bench.status, bench.error = "Failed", RunError(code="UserError", message="exit code 3")
    outcome = bench.steps().perform(step(), {})
    assert outcome.state == "failed"
    assert isinstance(outcome.error, UserCodeFailed)
    assert outcome.error.message == "step `s` failed: exit code 3"
    assert "aml-emu run pipe:s --debug" in outcome.error.hint


def test_where_the_debugger_is_is_announced_before_it_is_said_to_wait(bench: Bench) -> None:
    order: list[str] = []
    hearing: list[threading.Thread] = []

    def launch(request: RunRequest) -> LiveRun:
        assert request.heard is not None
        waiting = ({"event": "waiting", "seconds": 5},)
        hearing.append(threading.Thread(target=request.heard, args=waiting, daemon=True))
        hearing[0].start()
        hearing[0].join(0.2)
        return bench.launch(request)

    debug = StepDebug(
        debugs={"s": RunDebug(mode="wait")},
        announce=lambda step, live: order.append("announced"),
    )
    steps = bench.steps(debug=debug, launch=launch, on_step=lambda event: order.append(str(event)))
    steps.perform(step(), {})
    hearing[0].join(10)
    assert order[1] == "announced"
    assert "waits up to 5 s" in order[2]


def test_an_engine_that_went_away_is_told_as_such(bench: Bench) -> None:
    """Whatever its last container said: the user's code is not to blame."""
    bench.status, bench.error = "Failed", RunError(code="SystemError", message="exit code 137")
    bench.lost = EngineUnavailable("the engine does not answer any more")
    with pytest.raises(EngineUnavailable):
        bench.steps().perform(step(), {})


def test_an_outputs_path_names_the_run_that_writes_it(bench: Bench) -> None:
    path = "azureml://datastores/workspaceblobstore/paths/${{ name }}/${{output_name}}"
    output = {"o": StepOutput(name="o", type="uri_folder", path=path)}
    bench.steps().perform(step(outputs=output), {})
    request = bench.requests[0]
    assert request.name
    assert request.outputs_to == {"o": bench.workspace.data_folder / request.name / "o"}


def test_a_full_disk_is_told_as_such(bench: Bench) -> None:
    def full(_outputs: dict[str, Path]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.write = full
    with pytest.raises(WorkspaceUnusable, match="the disk is full"):
        bench.steps().perform(step(), {})

    def broken(_outputs: dict[str, Path]) -> None:
        raise OSError(errno.EIO, "Input/output error")

    bench.write = broken
    with pytest.raises(OSError, match="Input/output"):
        bench.steps().perform(step(), {})


def test_a_time_out_is_a_failure_and_a_cancellation_is_not(bench: Bench) -> None:
    bench.status, bench.error = "Canceled", RunError(code="JobTimedOut", message="too long")
    assert bench.steps().perform(step(), {}).state == "failed"
    bench.error = None
    assert bench.steps().perform(step(), {}).state == "canceled"


def test_the_last_result_is_taken_by_name(bench: Bench) -> None:
    with pytest.raises(NotFound, match="has no finished run"):
        bench.steps(taken=frozenset({"s"})).perform(step(), {})
    bench.steps().perform(step("integer", Given(3)), {})
    again = bench.steps(taken=frozenset({"s"})).perform(step(), {})
    assert again.state == "reused"
    assert "taken from" in again.why


def test_what_starts_after_the_end_is_cancelled(bench: Bench) -> None:
    steps = bench.steps()
    request = steps.request(step(), job(), _nothing(), "", kind="step")
    steps.cancel()
    live = cast(FakeRun, steps.start(step(), request))
    assert live.canceled


def test_a_step_does_not_wait_for_its_image_after_the_end(bench: Bench) -> None:
    building, ready = threading.Event(), threading.Event()

    def build(job: CommandJob) -> str:
        building.set()
        ready.wait(30)
        return "image:1"

    steps = bench.steps(images=Images(build))
    with ThreadPoolExecutor() as pool:
        outcome = pool.submit(steps.perform, step(), {})
        assert building.wait(10)
        steps.cancel()
        try:
            assert outcome.result(timeout=10).state == "canceled"
            assert steps.perform(step(), {}).state == "canceled"
        finally:
            ready.set()
    assert not bench.requests


def test_an_image_that_cannot_be_built_is_tried_once(bench: Bench) -> None:
    tried: list[CommandJob] = []

    def build(job: CommandJob) -> str:
        tried.append(job)
        raise SpecError("no such package")

    steps = bench.steps(images=Images(build))
    for _ in range(2):
        with pytest.raises(SpecError, match="no such package"):
            steps.perform(step(), {})
    assert len(tried) == 1


def test_a_run_that_was_canceled_before_it_began_is_canceled(bench: Bench) -> None:
    def launch(request: RunRequest) -> LiveRun:
        raise RunCanceled("run r Canceled: it was canceled")

    assert bench.steps(launch=launch).perform(step(), {}).state == "canceled"


def test_a_file_that_nobody_wrote_is_told_where_it_is_read(bench: Bench) -> None:
    known = Outcome(state="completed", outputs={"o": bench.folder / "nothing"}, digests={"o": "d"})
    for kind in ("uri_file", "integer"):
        with pytest.raises(SpecError, match="step `before` wrote nothing to its output `o`"):
            bench.steps().perform(step(kind, FromStep("before", "o")), {"before": known})


def test_iterations_run_anew_with_their_loop(bench: Bench) -> None:
    inner = step(name="loop[1]")
    bench.steps().perform(inner, {})
    assert bench.steps().perform(inner, {}).state == "reused"
    assert bench.steps(anew=frozenset({"loop"})).perform(inner, {}).state == "completed"


def test_a_cancellation_asked_for_elsewhere_is_seen(bench: Bench) -> None:
    steps = bench.steps()
    assert not steps.look()
    bench.workspace.runs.advance("pipe", "CancelRequested")
    assert steps.look()


def job() -> CommandJob:
    found = step().command
    assert found is not None
    return found


def _nothing() -> StepInputs:
    return StepInputs()
