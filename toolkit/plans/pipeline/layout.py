"""Where the steps of a picture go: layers from top to bottom, few crossings. Knows no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from toolkit.plans.pipeline.graph import Graph

_SWEEPS: Final = 4  # more change little
GAP: Final = 28.0
LAYER_GAP: Final = 56.0
MARGIN: Final = 24.0


@dataclass(frozen=True, slots=True)
class Box:
    """A step's rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Boxes by step, lines as (before, after) with their points, and the size of it all."""

    boxes: Mapping[str, Box]
    lines: tuple[tuple[str, str, tuple[float, float, float, float]], ...]
    width: float
    height: float


def lay_out(graph: Graph, widths: Mapping[str, float], height: float) -> Layout:
    """Each step below all that it needs, near the middle of those."""
    edges = list(graph.edges())
    layers = _ordered(_layers(graph, edges), edges)
    boxes = _boxes(layers, edges, widths, height)
    lines = tuple(
        (
            before,
            after,
            (
                boxes[before].x + boxes[before].width / 2,
                boxes[before].y + height,
                boxes[after].x + boxes[after].width / 2,
                boxes[after].y,
            ),
        )
        for before, after in edges
    )
    return Layout(
        boxes=boxes,
        lines=lines,
        width=max((box.x + box.width for box in boxes.values()), default=0.0) + MARGIN,
        height=max((box.y + height for box in boxes.values()), default=0.0) + MARGIN,
    )


def _layers(graph: Graph, edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Steps by their longest way from a beginning; the graph is in order already."""
    depth = dict.fromkeys(graph.steps, 0)
    followers: dict[str, list[str]] = {}
    for before, after in edges:
        followers.setdefault(before, []).append(after)
    for name in graph.steps:
        for follower in followers.get(name, ()):
            depth[follower] = max(depth[follower], depth[name] + 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, layer in depth.items():
        layers[layer].append(name)
    return layers


def _ordered(layers: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Sort each layer by the middle of its neighbours, downwards and upwards in turn."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for before, after in edges:
        above.setdefault(after, []).append(before)
        below.setdefault(before, []).append(after)
    place = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        neighbours = below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            middle = {
                name: _middle([place[other] for other in neighbours.get(name, ())], place[name])
                for name in layer
            }
            layer.sort(key=middle.__getitem__)
            for i, name in enumerate(layer):
                place[name] = float(i)
    return layers


def _boxes(
    layers: list[list[str]],
    edges: Sequence[tuple[str, str]],
    widths: Mapping[str, float],
    height: float,
) -> dict[str, Box]:
    above: dict[str, list[str]] = {}
    for before, after in edges:
        above.setdefault(after, []).append(before)
    spans = [sum(widths[n] for n in layer) + GAP * (len(layer) - 1) for layer in layers]
    whole = max(spans, default=0.0)
    boxes: dict[str, Box] = {}
    for row, layer in enumerate(layers):
        y = MARGIN + row * (height + LAYER_GAP)
        end = MARGIN if spans[row] < whole else 0.0
        needed = spans[row]  # by this step and those to the right of it
        for name in layer:
            middle = MARGIN + (whole - needed) / 2 + widths[name] / 2
            parents = [boxes[p].x + boxes[p].width / 2 for p in above.get(name, ())]
            wanted = _middle(parents, middle) - widths[name] / 2
            x = max(end, MARGIN, min(wanted, MARGIN + whole - needed))
            boxes[name] = Box(x, y, widths[name], height)
            end = x + widths[name] + GAP
            needed -= widths[name] + GAP
    return boxes


def _middle(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise
