"""The result as tables for people and as one JSON file; a part that was not measured is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.reload.hits import Hits
from benchmarks.reload.overhead import BARE, Cost
from benchmarks.reload.reloads import Series

Row = Sequence[str]


def table(title: str, heads: Row, rows: Sequence[Row]) -> str:
    """Columns as wide as they must be; numbers to the right."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]

    def line(row: Row) -> str:
        cells = [
            cell.ljust(width) if not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([f"\n{title}", line(heads), *map(line, rows)])


RELOAD_HEADS = (
    "save -> first answer of the new code, ms", "debugger", "n", "idle p50", "idle p95",
    "50/s p50", "50/s p95", "dropped", "p99 latency", "never",
)  # fmt: skip


def _ms(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.0f}"


def reload_row(idle: Series, loaded: Series) -> Row:
    return (
        idle.subject, idle.debugger, str(len(idle.values)), _ms(idle.median),
        _ms(idle.p95), _ms(loaded.median), _ms(loaded.p95), str(loaded.dropped),
        _ms(loaded.p99), str(idle.never + loaded.never),
    )  # fmt: skip


def reload_table(series: Sequence[Series]) -> str:
    idle = [each for each in series if each.condition == "idle"]
    loaded = {(s.subject, s.debugger): s for s in series if s.condition == "loaded"}
    rows = [reload_row(each, loaded[each.subject, each.debugger]) for each in idle]
    return table("Reloads", RELOAD_HEADS, rows)


def hit_table(hits: Sequence[Hits]) -> str:
    rows = [
        (h.mode, str(len(h.values)), _ms(h.median), _ms(h.p95),
         str(len(h.values) - len(h.served)), "yes" if h.session_lost else "no")
        for h in hits
    ]  # fmt: skip
    heads = ("save -> breakpoint hit in the new code, ms", "n", "p50", "p95", "never", "lost")
    return table("Breakpoints", heads, rows)


def cost_table(costs: Sequence[Cost]) -> str:
    bare = next(cost for cost in costs if cost.state == BARE)
    rows = [
        (c.state, f"{c.memory:.0f}", f"{c.memory - bare.memory:+.0f}", f"{c.rate:.0f}",
         f"{c.rate_of(bare):.0%}", f"{c.cpu_ms:.2f}", f"{c.cpu_of(bare):.2f}")
        for c in costs
    ]  # fmt: skip
    heads = (
        f"state, Python {bare.python}",
        "MB",
        "more",
        "requests/s",
        "of bare",
        "CPU ms",
        "ratio",
    )
    return table("Cost of debugging", heads, rows)


def reloads_json(series: Sequence[Series]) -> list[Mapping[str, Any]]:
    return [{**asdict(each), "p50": each.median, "p95": each.p95} for each in series]


def hits_json(hits: Sequence[Hits]) -> list[Mapping[str, Any]]:
    return [{**asdict(each), "p50": each.median, "p95": each.p95} for each in hits]


def costs_json(costs: Sequence[Cost]) -> list[Mapping[str, Any]]:
    bare = next(cost for cost in costs if cost.state == BARE)
    return [
        {
            **asdict(cost),
            "rate": cost.rate,
            "rate_of_bare": cost.rate_of(bare),
            "cpu_ms": cost.cpu_ms,
            "cpu_of_bare": cost.cpu_of(bare),
        }
        for cost in costs
    ]


def save(path: Path, part: str, machine: Mapping[str, Any], results: Any) -> None:
    """Each part says what it was measured on: parts may be measured at different times."""
    document = json.loads(path.read_text()) if path.is_file() else {}
    document[part] = {"machine": machine, "results": _rounded(results)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2) if math.isfinite(value) else None  # JSON knows no NaN
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
