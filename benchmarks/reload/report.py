"""The result as tables for people and as one JSON file; a row that was not measured is kept."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.reload.hits import Hits
from benchmarks.reload.overhead import BARE, Cost
from benchmarks.reload.reloads import Series, Waits
from benchmarks.reload.soak import Endured

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


def _reload_table(rows: Sequence[Row]) -> str:
    return table("Reloads", RELOAD_HEADS, rows)


def _hit_row(hits: Hits) -> Row:
    return (
        hits.mode, str(len(hits.values)), _ms(hits.median), _ms(hits.p95), str(hits.never),
        "yes" if hits.session_lost else "no",
    )  # fmt: skip


def _hit_table(rows: Sequence[Row]) -> str:
    heads = ("save -> breakpoint hit in the new code, ms", "n", "p50", "p95", "never", "lost")
    return table("Breakpoints", heads, rows)


def _cost_rows(costs: Sequence[Cost]) -> Sequence[Row]:
    bare = next(cost for cost in costs if cost.state == BARE)
    return [
        (f"{c.state}, Python {c.python}", f"{c.memory:.0f}", f"{c.memory - bare.memory:+.0f}",
         f"{c.rate:.0f}", f"{c.rate_of(bare):.0%}", f"{c.cpu_ms:.2f}", f"{c.cpu_of(bare):.2f}")
        for c in costs
    ]  # fmt: skip


def _cost_table(rows: Sequence[Row]) -> str:
    heads = ("state", "MB", "more", "requests/s", "of bare", "CPU ms", "ratio")
    return table("Cost of debugging", heads, rows)


def _soak_row(endured: Endured) -> Row:
    return (
        endured.mode, str(endured.reloads), str(endured.lost_sessions), str(endured.dropped),
        str(endured.requests), str(endured.never), _ms(endured.p50), _ms(endured.p95),
        f"{endured.memory[0]:.1f}", f"{endured.memory[-1]:.1f}", f"{endured.slope:+.2f}",
    )  # fmt: skip


def _soak_table(rows: Sequence[Row]) -> str:
    heads = (
        "reload after reload, attached, 20/s", "n", "lost", "dropped", "of", "never", "p50", "p95",
        "MB first", "MB last", "MB per 100 in the last half",
    )  # fmt: skip
    return table("Soak", heads, rows)


def entries(part: str, measured: Sequence[Any]) -> Mapping[str, Any]:
    """What is kept in the file, by the name under which a later measurement replaces it."""
    if part == "reloads":
        idle, loaded = measured
        figures = {"idle": _timed(idle), "loaded": _timed(loaded)}
        return {
            f"{idle.subject}, debugger {idle.debugger}": {**figures, "row": reload_row(*measured)}
        }
    if part == "hits":
        return {each.mode: {**_timed(each), "row": _hit_row(each)} for each in measured}
    if part == "soak":
        return {each.mode: {**asdict(each), "row": _soak_row(each)} for each in measured}
    return {
        row[0]: {**asdict(cost), "row": row}
        for cost, row in zip(measured, _cost_rows(measured), strict=True)
    }


def _timed(waits: Waits) -> Mapping[str, Any]:
    return {**asdict(waits), "p50": waits.median, "p95": waits.p95}


TABLES: Mapping[str, Callable[[Sequence[Row]], str]] = {
    "reloads": _reload_table,
    "hits": _hit_table,
    "overhead": _cost_table,
    "soak": _soak_table,
}


def save(path: Path, part: str, machine: Mapping[str, Any], results: Any) -> None:
    """Each part says what it was measured on: parts may be measured at different times."""
    _write(path, {**_read(path), part: {"machine": machine, "results": _rounded(results)}})


def save_rows(path: Path, part: str, machine: Mapping[str, Any], measured: Sequence[Any]) -> None:
    """The same row by row: each says what it was measured on, and replaces its former self."""
    document = _read(path)
    now = {**machine, "load_average_after": [round(value, 2) for value in os.getloadavg()]}
    for name, entry in entries(part, measured).items():
        document.setdefault(part, {})[name] = {"machine": now, **_rounded(entry)}
    _write(path, document)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def tables(path: Path) -> str:
    """Everything the file holds, whenever it was measured."""
    document = _read(path)
    return "\n".join(
        make([entry["row"] for entry in document[part].values()])
        for part, make in TABLES.items()
        if part in document
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2) if math.isfinite(value) else None  # JSON knows no NaN
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
