"""`--from`, `--only` and `--force`: which steps run, and whose results are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.plans.pipeline.choice import select
from toolkit.plans.pipeline.graph import FromStep, Graph, Place, Step, StepInput
from toolkit.plans.pipeline.order import make_graph
from toolkit.specs.job import CommandJob

PLACE = Place(Path("pipeline.yml"), 1)


def graph_of(edges: dict[str, list[str]]) -> Graph:
    """`{"b": ["a"]}`: b reads what a writes."""

    def step(name: str) -> Step:
        inputs = {
            f"i{n}": StepInput(
                name=f"i{n}", type="uri_folder", source=FromStep(before, "o"), place=PLACE
            )
            for n, before in enumerate(edges[name])
        }
        job = CommandJob(command=name, environment="e")
        return Step(name=name, work=job, place=PLACE, inputs=inputs)

    return make_graph({name: step(name) for name in edges})


DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "other": []}


def test_nothing_asked_is_the_whole_graph() -> None:
    chosen = select(graph_of(DIAMOND))
    assert set(chosen.graph.steps) == set(DIAMOND)
    assert not chosen.anew | chosen.taken


def test_force_runs_all_anew() -> None:
    assert select(graph_of(DIAMOND), force=True).anew == set(DIAMOND)


def test_from_runs_what_follows_and_takes_what_came_before() -> None:
    chosen = select(graph_of(DIAMOND), start=["d"])
    assert chosen.anew == {"d", "e"}
    assert chosen.taken == {"a", "b", "c"}
    assert "other" in chosen.graph.steps
    assert list(chosen.graph.steps["b"].needs()) == []


def test_only_leaves_out_the_rest() -> None:
    chosen = select(graph_of(DIAMOND), only=["d"])
    assert set(chosen.graph.steps) == {"b", "c", "d"}
    assert chosen.anew == {"d"}
    assert chosen.taken == {"b", "c"}
    assert chosen.left_out == ("a", "other", "e")


def test_a_nested_pipeline_is_all_its_steps() -> None:
    chosen = select(graph_of({"sub.x": [], "sub.y": ["sub.x"], "z": []}), only=["sub"])
    assert chosen.anew == {"sub.x", "sub.y"}


def test_both_at_once_and_unknown_names() -> None:
    with pytest.raises(SpecError, match="cannot be combined"):
        select(graph_of(DIAMOND), start=["a"], only=["b"])
    with pytest.raises(SpecError, match="no step of this name: `oter`") as caught:
        select(graph_of(DIAMOND), only=["oter"])
    assert "`other`" in caught.value.hint
