"""Where the steps of a picture go: layers from top to bottom, few crossings. Knows no drawing."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from toolkit.plans.pipeline.graph import Graph

_SWEEPS: Final = 8  # more change little
_LANE: Final = 10.0  # the width that a line takes between boxes
GAP: Final = 28.0
LAYER_GAP: Final = 56.0
MARGIN: Final = 24.0
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A step's rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Line:
    """From one step to another; between two points of `way` that lie in one layer it is straight.

    `way` begins below `before` and ends above `after`.
    """

    before: str
    after: str
    way: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Boxes by step, lines, and the size of it all."""

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Lanes:
    """Lines that pass layers take a lane in each of them; those of one step share theirs."""

    layers: list[list[str]]
    edges: list[tuple[str, str]]
    ways: Mapping[tuple[str, str], list[str]]


def lay_out(graph: Graph, widths: Mapping[str, float], height: float) -> Layout:
    """Each step below all that it needs, near the middle of those; no line crosses a box."""
    edges = list(graph.edges())
    lanes = _with_lanes(_layers(graph, edges), edges)
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for before, after in lanes.edges:
        above.setdefault(after, []).append(before)
        below.setdefault(before, []).append(after)
    layers = _ordered(lanes.layers, above, below)
    places = {name: widths.get(name, _LANE) for layer in layers for name in layer}
    middles = _middles(layers, above, below, places)
    boxes = {
        name: Box(
            middles[name] - places[name] / 2,
            MARGIN + row * (height + LAYER_GAP),
            places[name],
            height,
        )
        for row, layer in enumerate(layers)
        for name in layer
    }
    return Layout(
        boxes={name: boxes[name] for name in graph.steps},
        lines=tuple(Line(*edge, _points(way, boxes)) for edge, way in lanes.ways.items()),
        width=max((box.x + box.width for box in boxes.values()), default=0.0) + MARGIN,
        height=max((box.y + height for box in boxes.values()), default=0.0) + MARGIN,
    )


def _with_lanes(layers: list[list[str]], edges: Sequence[tuple[str, str]]) -> _Lanes:
    layer_of = {name: number for number, layer in enumerate(layers) for name in layer}
    pieces: dict[tuple[str, str], None] = {}
    ways = {}
    for before, after in edges:
        way = [before]
        for number in range(layer_of[before] + 1, layer_of[after]):
            lane = f"{number}\0{before}"
            if lane not in layer_of:
                layer_of[lane] = number
                layers[number].append(lane)
            way.append(lane)
        way.append(after)
        pieces |= dict.fromkeys(pairwise(way))
        ways[before, after] = way
    return _Lanes(layers, list(pieces), ways)


def _points(way: Sequence[str], boxes: Mapping[str, Box]) -> tuple[Point, ...]:
    points: list[Point] = []
    for name in way:
        box = boxes[name]
        points += [(box.middle, box.y), (box.middle, box.y + box.height)]
    return tuple(points[1:-1])


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


def _ordered(
    layers: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]
) -> list[list[str]]:
    """Each layer by the middle of its neighbours, down and up in turn; the best order found."""
    place = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    best, fewest = [list(layer) for layer in layers], _crossings(layers, place, below)
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
        if (found := _crossings(layers, place, below)) < fewest:
            best, fewest = [list(layer) for layer in layers], found
    return best


def _crossings(
    layers: list[list[str]], place: Mapping[str, float], below: Mapping[str, list[str]]
) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    count = 0
    for layer in layers:
        ends: list[float] = []  # of the lines from further left
        for name in layer:
            mine = [place[other] for other in below.get(name, ())]
            count += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return count


def _middles(
    layers: list[list[str]],
    above: Mapping[str, list[str]],
    below: Mapping[str, list[str]],
    widths: Mapping[str, float],
) -> dict[str, float]:
    """As near the middle of their neighbours as the others of the layer let them."""
    found: dict[str, float] = {}
    for layer in layers:
        found |= zip(layer, _apart([0.0] * len(layer), [widths[n] for n in layer]), strict=True)
    for sweep in range(_SWEEPS + 1):  # the last one looks upwards, as one reads it
        neighbours = below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            wanted = [
                _middle([found[other] for other in neighbours.get(name, ())], found[name])
                for name in layer
            ]
            apart = _apart(wanted, [widths[name] for name in layer])
            found |= zip(layer, apart, strict=True)
    left = min((found[name] - widths[name] / 2 for name in found), default=0.0)
    return {name: middle - left + MARGIN for name, middle in found.items()}


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The middles next to the wanted ones, in this order, that leave a gap between boxes.

    Those that would touch move together to their mean (pool adjacent violators).
    """
    offsets = [0.0]
    for one, other in pairwise(widths):
        offsets.append(offsets[-1] + (one + other) / 2 + GAP)
    pools: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=False):
        total, count = place - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    means = [total / count for total, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _middle(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise
