"""Small plots of metrics for a terminal. The only module that knows plotext."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import plotext

from toolkit.workspace.model import Metric

MAX_WIDTH: Final = 72
_HEIGHT: Final = 11


def plot(title: str, series: Mapping[str, Sequence[Metric]], *, width: int, color: bool) -> str:
    """Values over steps, or over their order where no step was given; "" if there is no line."""
    lines = {label: points(history) for label, history in series.items()}
    drawn = {label: found for label, found in lines.items() if len(found) > 1}
    if not drawn:
        return ""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(width, MAX_WIDTH), _HEIGHT)
    plotext.title(title)
    for index, (label, found) in enumerate(drawn.items()):
        xs, ys = zip(*found, strict=True)
        paint = ("blue+", "orange+", "green+", "red+")[index % 4]
        told = label if len(series) > 1 else None
        plotext.plot(xs, ys, marker="braille", color=paint, label=told)
    text = str(plotext.build())
    return (text if color else plotext.uncolorize(text)).rstrip()


def points(history: Sequence[Metric]) -> list[tuple[float, float]]:
    """What can be drawn of a history: finite values, and steps only if they differ."""
    has_steps = len({metric.step for metric in history}) > 1
    return [
        (metric.step if has_steps else index, metric.value)
        for index, metric in enumerate(history)
        if math.isfinite(metric.value)
    ]
