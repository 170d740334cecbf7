"""Pictures of a graph, as Mermaid text or SVG: the plan, or how its steps ended. Draws no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from toolkit.plans.pipeline.graph import Graph, Step
from toolkit.plans.pipeline.layout import Layout, Line, lay_out
from toolkit.plans.render import render

COLORS: Final[Mapping[str, str]] = {
    "planned": "#e8eef7",
    "waiting": "#e8eef7",
    "running": "#fff3c4",
    "completed": "#d3f2d9",
    "reused": "#d6ecfa",
    "failed": "#fbd5d5",
    "canceled": "#e5e5e5",
    "skipped": "#f3f3f3",
    "blocked": "#e5e5e5",
}
_CHARACTER: Final = 7.4  # pixels of one in the picture's font
_HEIGHT: Final = 44.0
_LEAST_WIDTH: Final = 110.0


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a step has come, for the picture."""

    state: str = "planned"
    note: str = ""


def mermaid(graph: Graph, marks: Mapping[str, Mark], *, title: str = "") -> str:
    """A flowchart; steps of a nested pipeline lie in a frame of its name."""
    ids = {name: f"s{number}" for number, name in enumerate(graph.steps)}
    lines = ["---", f"title: {_quoted(title)}", "---"] if title else []
    lines.append("flowchart TD")
    lines += _framed(graph, ids, marks)
    for before, after in graph.edges():
        label = _label(graph.steps[after], before)
        lines.append(f"    {ids[before]} -->{f'|{_mermaid(label)}|' if label else ''} {ids[after]}")
    used = dict.fromkeys(_mark(marks, name).state for name in graph.steps)
    lines += [
        f"    classDef {state} fill:{COLORS.get(state, '#ffffff')},stroke:#555" for state in used
    ]
    for state in used:
        members = ",".join(ids[n] for n in graph.steps if _mark(marks, n).state == state)
        lines.append(f"    class {members} {state}")
    return "\n".join(lines) + "\n"


def svg(graph: Graph, marks: Mapping[str, Mark], *, title: str = "") -> str:
    """A picture that needs nothing to be looked at."""
    names = {name: _lines(graph.steps[name], _mark(marks, name)) for name in graph.steps}
    widths = {
        name: max(_LEAST_WIDTH, max(map(len, lines)) * _CHARACTER + 24)
        for name, lines in names.items()
    }
    layout = lay_out(graph, widths, _HEIGHT)
    used = dict.fromkeys(_mark(marks, name).state for name in graph.steps)
    return render(
        "pipeline/graph.svg.j2",
        title=escape(title),
        width=round(max(layout.width, len(title) * _CHARACTER * 1.3 + 48, 24 + 110 * len(used))),
        height=round(layout.height + (28 if title else 0) + 28),
        top=28 if title else 0,
        boxes=[_box(layout, graph, marks, name, names[name]) for name in graph.steps],
        lines=[_line(graph, each) for each in layout.lines],
        legend=[{"state": state, "color": COLORS.get(state, "#ffffff")} for state in used],
        legend_y=round(layout.height + 4),
    )


def _box(
    layout: Layout, graph: Graph, marks: Mapping[str, Mark], name: str, lines: tuple[str, str]
) -> dict[str, Any]:
    box, mark = layout.boxes[name], _mark(marks, name)
    return {
        "x": round(box.x, 1),
        "y": round(box.y, 1),
        "width": round(box.width, 1),
        "height": box.height,
        "color": COLORS.get(mark.state, "#ffffff"),
        "name": escape(lines[0]),
        "note": escape(lines[1]),
        "tip": escape(f"{name} ({graph.steps[name].kind}): {mark.state}"),
    }


def _line(graph: Graph, line: Line) -> dict[str, Any]:
    """Curves from layer to layer, straight through each of them."""
    (x, y), *others = line.way
    path = f"M{x:.1f},{y:.1f}"
    for number, (to_x, to_y) in enumerate(others):
        if number % 2:
            path += f" L{to_x:.1f},{to_y:.1f}"
        else:
            bend = (to_y - y) / 2
            path += f" C{x:.1f},{y + bend:.1f} {to_x:.1f},{to_y - bend:.1f} {to_x:.1f},{to_y:.1f}"
        x, y = to_x, to_y
    label = _label(graph.steps[line.after], line.before)
    return {"path": path, "tip": escape(f"{line.before} -> {line.after} {label}")}


def _framed(graph: Graph, ids: Mapping[str, str], marks: Mapping[str, Mark]) -> list[str]:
    """Nodes in the frames of their pipelines, opened and closed as the names say."""
    tree: dict[str, Any] = {}
    for name in graph.steps:
        *scopes, _ = name.split(".")
        place = tree
        for scope in scopes:
            place = place.setdefault(scope, {})
        place[f"={name}"] = name
    return _branch(tree, "", "    ", graph, ids, marks)


def _branch(
    tree: Mapping[str, Any],
    scope: str,
    indent: str,
    graph: Graph,
    ids: Mapping[str, str],
    marks: Mapping[str, Mark],
) -> list[str]:
    lines: list[str] = []
    for key, inside in tree.items():
        if key.startswith("="):
            text = "<br/>".join(filter(None, _lines(graph.steps[inside], _mark(marks, inside))))
            lines.append(f'{indent}{ids[inside]}["{_mermaid(text)}"]')
            continue
        frame = f"{scope}.{key}" if scope else key
        identity = re.sub(r"\W", "_", f"in_{frame}")
        lines.append(f'{indent}subgraph {identity} ["{_mermaid(key)}"]')
        lines += _branch(inside, frame, indent + "    ", graph, ids, marks)
        lines.append(f"{indent}end")
    return lines


def _lines(step: Step, mark: Mark) -> tuple[str, str]:
    kind = "" if step.kind == "command" else step.kind
    state = "" if mark.state == "planned" else mark.state
    return step.name, " · ".join(filter(None, (kind, state, mark.note)))


def _label(step: Step, before: str) -> str:
    """Through which inputs something flows."""
    names = [
        given.name
        for given in step.inputs.values()
        if getattr(given.source, "step", None) == before
    ]
    return ", ".join(names)


def _mark(marks: Mapping[str, Mark], name: str) -> Mark:
    return marks.get(name) or Mark()


def _mermaid(text: str) -> str:
    """Text as Mermaid takes it: its own signs as entities."""
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("|", "#124;"), ("[", "#91;")):
        text = text.replace(sign, entity)
    return text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
