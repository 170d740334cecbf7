"""Which steps are to run anew, which results are taken from before, which are left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from toolkit.errors import SpecError
from toolkit.plans.pipeline.graph import FromInput, FromStep, Graph, LoopWork, Source, Step
from toolkit.specs.yamlfile import nearest

_ITERATION: Final = re.compile(r"(?P<loop>.+)\[\d+\](?P<rest>.*)")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A graph to walk. `anew` are run whatever was before; of `taken` the last result is used."""

    graph: Graph
    anew: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = field(default=())


def select(
    graph: Graph, *, start: Collection[str] = (), only: Collection[str] = (), force: bool = False
) -> Selection:
    """`start`: these steps and all that follow run anew; `only`: these and nothing else.

    Raises SpecError for a name that no step has.
    """
    if start and only:
        raise SpecError("`--from` and `--only` cannot be combined", hint="choose one of them")
    if only:
        return _only(graph, named(graph, only))
    anew = _with_followers(graph, named(graph, start)) if start else set()
    taken = _all_before(graph, anew) if start else set()
    steps = {name: _alone(s) if name in taken else s for name, s in graph.steps.items()}
    return Selection(
        graph=replace(graph, steps=steps),
        anew=frozenset(graph.steps) if force and not start else frozenset(anew),
        taken=frozenset(taken),
    )


def named(graph: Graph, names: Iterable[str]) -> set[str]:
    """The steps that are meant: by name, or all of a nested pipeline by its name."""
    found: set[str] = set()
    for name in names:
        inside = {each for each in graph.steps if each == name or each.startswith(f"{name}.")}
        if not inside:
            known = [*graph.steps, *_pipelines(graph)]
            raise SpecError(f"no step of this name: `{name}`", hint=nearest(name, known))
        found |= inside
    return found


def _pipelines(graph: Graph) -> list[str]:
    return sorted({name.rpartition(".")[0] for name in graph.steps if "." in name})


def _only(graph: Graph, wanted: set[str]) -> Selection:
    before = {need for name in wanted for need in graph.steps[name].needs()} - wanted
    kept = {
        name: _alone(step) if name in before else step
        for name, step in graph.steps.items()
        if name in before | wanted
    }
    outputs = {name: found for name, found in graph.outputs.items() if found.step in kept}
    return Selection(
        graph=Graph(steps=kept, outputs=outputs),
        anew=frozenset(wanted),
        taken=frozenset(before),
        left_out=tuple(name for name in graph.steps if name not in kept),
    )


def _alone(step: Step) -> Step:
    """A step whose result is there: it needs nothing any more."""
    return replace(step, inputs={}, after=(), gates=())


def _with_followers(graph: Graph, begin: set[str]) -> set[str]:
    found = set(begin)
    for name, step in graph.steps.items():  # in order: what comes later can only follow
        if found.intersection(step.needs()):
            found.add(name)
    return found


def _all_before(graph: Graph, after: set[str]) -> set[str]:
    found: set[str] = set()
    for name in reversed(list(graph.steps)):
        if name in after or name in found:
            found |= set(graph.steps[name].needs())
    return found - after


def step_of_run(graph: Graph, name: str) -> Step | None:
    """The step that a run's name for it means: `body[3].train` is a part of a loop's body."""
    loop = _ITERATION.fullmatch(name)
    if loop is None:
        return graph.steps.get(name)
    around = graph.steps.get(loop["loop"])
    if around is None or not isinstance(around.work, LoopWork):
        return None
    inside = around.work.body.steps.items()
    return next((s for n, s in inside if "".join(n.partition(".")[1:]) == loop["rest"]), None)


def loop_of(name: str) -> str:
    """The loop that a step of one of its iterations belongs to; empty for any other step."""
    loop = _ITERATION.fullmatch(name)
    return loop["loop"] if loop else ""


def iteration(body: Graph, prefix: str, values: Mapping[str, Source]) -> Graph:
    """The body of a loop with its inputs filled in and its steps named after the iteration."""
    names = {
        name: f"{prefix}{name.partition('.')[1]}{name.partition('.')[2]}" for name in body.steps
    }

    def source(found: Source) -> Source:
        match found:
            case FromStep(step, output):
                return FromStep(names[step], output)
            case FromInput(name):
                return values[name]
            case _:
                return found

    steps = {}
    for name, step in body.steps.items():
        given = {
            key: replace(each, source=source(each.source)) for key, each in step.inputs.items()
        }
        gates = tuple(replace(gate, source=source(gate.source)) for gate in step.gates)
        after = tuple(names[each] for each in step.after)
        work = step.work
        if isinstance(work, LoopWork):
            raise step.place.error("a loop inside the body of a loop cannot run here")
        steps[names[name]] = replace(step, name=names[name], inputs=given, gates=gates, after=after)
    outputs = {
        key: FromStep(names[found.step], found.output) for key, found in body.outputs.items()
    }
    return Graph(steps=steps, outputs=outputs)
