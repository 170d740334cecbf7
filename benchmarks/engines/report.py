"""The numbers as tables and as JSON. A figure that is missed is shown as such."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engines.sides import DOCKER
from benchmarks.reload.traffic import percentile


@dataclass(frozen=True, kw_only=True)
class Series:
    """One thing on one side, run by run."""

    title: str
    side: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What is asked of each side but Docker: at most so many seconds, or so often Docker's."""

    seconds: float | None = None
    times_docker: float | None = None
    beside: str = ""  # the seconds are those above this side's

    def verdict(self, series: Series, all_of_title: Mapping[str, Series]) -> str:
        if self.times_docker is not None:
            if DOCKER not in all_of_title:
                return ""
            limit = self.times_docker * all_of_title[DOCKER].median
            return _met(f"<= {self.times_docker:g} of Docker's", is_met=series.median <= limit)
        if self.seconds is None:
            return ""
        more = series.median - (all_of_title[self.beside].median if self.beside else 0.0)
        above = f" above the {self.beside}" if self.beside else ""
        return _met(f"<= {self.seconds:g} s{above}", is_met=more <= self.seconds)


def table(series: Sequence[Series], figure: Figure) -> str:
    """One line for each side, title by title."""
    lines = [f"\n{'':30}{'':14}{'n':>4}{'median':>10}{'p95':>10}{'of Docker':>11}  figure"]
    for each in series:
        others = {one.side: one for one in series if one.title == each.title}
        ratio = f"{each.median / others[DOCKER].median:.2f}" if DOCKER in others else "-"
        said = "" if each.side in {DOCKER, figure.beside} else figure.verdict(each, others)
        lines.append(
            f"{each.title:30}{each.side:14}{len(each.seconds):>4}{_ms(each.median):>10}"
            f"{_ms(percentile(each.seconds, 95)):>10}{ratio:>11}  {said}".rstrip()
        )
    return "\n".join(lines)


def as_json(series: Sequence[Series], figure: Figure) -> list[Mapping[str, Any]]:
    return [
        {
            "title": each.title,
            "side": each.side,
            "milliseconds": [value * 1000 for value in each.seconds],
            "median": each.median * 1000,
            "p95": percentile(each.seconds, 95) * 1000,
            "figure": figure.verdict(each, {s.side: s for s in series if s.title == each.title})
            if each.side not in {DOCKER, figure.beside}
            else "",
        }
        for each in series
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _met(figure: str, *, is_met: bool) -> str:
    return f"{'met' if is_met else 'MISSED'}: {figure}"
