"""An order in which steps can run; a cycle and a name that no step has are errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from toolkit.plans.output_path import is_of_its_run, with_names
from toolkit.plans.pipeline.graph import FromStep, Graph, Step
from toolkit.specs.yamlfile import nearest


def make_graph(steps: Mapping[str, Step], outputs: Mapping[str, FromStep] | None = None) -> Graph:
    """The steps in order; raises SpecError for a cycle, and for two that write one place."""
    ordered = _ordered(steps)
    _check_paths(ordered)
    return Graph(steps=ordered, outputs=outputs or {})


def _ordered(steps: Mapping[str, Step]) -> dict[str, Step]:
    waiting: dict[str, int] = {}
    followers: dict[str, list[str]] = {}
    for name, step in steps.items():
        needed = dict.fromkeys(step.needs())
        for before in needed:
            if before not in steps:
                raise step.place.error(
                    f"`{name}` needs a step that is not there: {before}",
                    hint=nearest(before, list(steps)),
                )
            followers.setdefault(before, []).append(name)
        waiting[name] = len(needed)
    ready = [name for name, count in waiting.items() if not count]
    ordered: dict[str, Step] = {}
    for name in ready:  # grows as it goes
        ordered[name] = steps[name]
        for follower in followers.get(name, ()):
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    if len(ordered) < len(steps):
        _tell_cycle(steps, [name for name in steps if name not in ordered])
    return ordered


def _tell_cycle(steps: Mapping[str, Step], left: list[str]) -> None:
    """Follow what each one waits for until one comes again: that is the cycle."""
    inside = set(left)
    path = [left[0]]
    while path.count(path[-1]) < 2:  # noqa: PLR2004  # twice means that it is closed
        path.append(next(before for before in steps[path[-1]].needs() if before in inside))
    cycle = path[path.index(path[-1]) :]
    cycle.reverse()
    raise steps[cycle[0]].place.error(
        f"the steps wait for each other: {' -> '.join(cycle)}",
        hint="take one of these bindings away",
    )


def _check_paths(steps: Mapping[str, Step]) -> None:
    writers: dict[str, tuple[str, str]] = {}
    for name, step in steps.items():
        for output in step.outputs.values():
            if not output.path or is_of_its_run(output.path):
                continue
            path = str(PurePosixPath(with_names(output.path, run="", output=output.name)))
            if path in writers:
                other, port = writers[path]
                raise step.place.error(
                    f"two steps write one path, `{other}` ({port}) and `{name}` "
                    f"({output.name}): {output.path}",
                    hint="give each output a path of its own, or leave `path` out",
                )
            writers[path] = (name, output.name)
