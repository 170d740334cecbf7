"""What is missing from the start is told before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from tests.unit.live.pipeline.test_step import ENVIRONMENT, Bench, step
from toolkit.errors import NotFound, SpecError
from toolkit.live.pipeline.check import check_begun_with
from toolkit.live.pipeline.run import PipelineRequest, Surroundings, run_pipeline
from toolkit.plans.pipeline.choice import Selection
from toolkit.plans.pipeline.graph import GivenData, Graph, LoopWork, Pipeline, Step
from toolkit.settings import Settings
from toolkit.specs.environment import Environment
from toolkit.specs.job import CommandJob
from toolkit.workspace.data import DataLocator


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def known(named: Environment | str) -> Environment:
    if isinstance(named, str):
        raise NotFound(f"no environment of that name: `{named}`", hint="did you mean `tiny`?")
    return named


def reading(bench: Bench, path: str) -> Step:
    return step(source=GivenData("uri_folder", path, bench.folder))


def check(bench: Bench, *steps: Step, taken: tuple[str, ...] = ()) -> None:
    settings = Settings(project=bench.folder)
    locator = DataLocator(workspace=bench.workspace, settings=settings, download=Path)
    check_begun_with(Graph(steps={s.name: s for s in steps}), known, locator, taken=taken)


def test_data_of_this_machine_must_be_there(bench: Bench) -> None:
    with pytest.raises(SpecError, match=r"pipeline.yml:1: input `i`: nothing is there"):
        check(bench, reading(bench, "./missing"))
    (bench.folder / "missing").mkdir()
    check(bench, reading(bench, "./missing"))


@pytest.mark.parametrize("path", ["azureml://datastores/workspaceblobstore/paths/x", "azureml:x:1"])
def test_what_an_earlier_step_may_write_need_not(bench: Bench, path: str) -> None:
    check(bench, reading(bench, path))


def test_an_environment_must_be_known(bench: Bench) -> None:
    job = CommandJob(command="run", environment="azureml:tyny:1")
    with pytest.raises(SpecError, match="no environment of that name: `azureml:tyny:1`") as caught:
        check(bench, step(work=job))
    assert caught.value.hint == "did you mean `tiny`?"
    check(bench, step(work=job), taken=("s",))
    check(bench, step(work=replace(job, environment=ENVIRONMENT)))


def test_the_body_of_a_loop_is_looked_at(bench: Bench) -> None:
    body = Graph(steps={"s": reading(bench, "./missing")})
    loop = LoopWork(body=body, condition="again", mapping={}, limit=2)
    with pytest.raises(SpecError, match="nothing is there"):
        check(bench, step(work=loop))


def test_nothing_is_begun(bench: Bench) -> None:
    graph = Graph(steps={"s": reading(bench, "./missing")})
    pipeline = Pipeline(graph=graph, path=bench.folder / "pipeline.yml")
    around = Surroundings(
        workspace=bench.workspace,
        engine=FakeEngine(),
        settings=Settings(project=bench.folder),
        tracking=lambda: None,
        say=lambda _: None,
        on_event=lambda _: None,
        on_step=bench.events.append,
    )
    with pytest.raises(SpecError, match="nothing is there"):
        run_pipeline(
            PipelineRequest(
                pipeline=pipeline, selection=Selection(graph=graph), experiment="x", name="mine"
            ),
            around,
        )
    assert [run.name for run in bench.workspace.runs.list(kind="pipeline")] == ["pipe"]
    assert not bench.events
