"""The numbers as a table and as JSON. A figure that is missed is shown as such."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ADDED_MS = 1.0
LOST_PERCENT = 10.0
UNCHANGED_SECONDS = 1.0
READY_SECONDS = 3.0

Row = tuple[str, str, str]
_CALLERS = {"kept": "connection kept", "anew": "connecting anew"}


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes())) if path.is_file() else {}


def save(path: Path, part: str, measured: Mapping[str, Any]) -> None:
    """In the place of its former self; the other parts stay what they are."""
    path.write_text(json.dumps({**load(path), part: measured}, indent=2) + "\n", "utf-8")


def tables(found: Mapping[str, Any]) -> str:
    """One line for each thing that was measured, whenever that was."""
    rows: list[Row] = [("", "measured", "asked")]
    for part, rows_of in ROWS.items():
        if part in found:
            rows += rows_of(found[part])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    loads = [f"{part}: {each['machine']['load_average_before'][0]}" for part, each in found.items()]
    return "\n".join([*lines, f"load before  {', '.join(loads)}"])


def _starts(found: Mapping[str, Any]) -> Iterator[Row]:
    for key, title, asked in (
        ("unchanged_s", "deploy, nothing changed", UNCHANGED_SECONDS),
        ("cached_image_to_ready_s", "deploy, cached image to ready", READY_SECONDS),
        ("replaced_after_an_edit_s", "deploy, replaced after an edit", None),
    ):
        yield _row(title, found[key]["median"], "s", asked)


def _latency(found: Mapping[str, Any]) -> Iterator[Row]:
    for kind, title in _CALLERS.items():
        each = found[kind]
        for side in ("bare", "router"):
            quantiles = "  ".join(f"{name[:3]} {ms}" for name, ms in each[side].items())
            yield f"{title}, {side}", f"{quantiles} ms", ""
        yield _row(f"{title}: added at p50", each["added_p50_ms"], "ms", ADDED_MS)


def _throughput(found: Mapping[str, Any]) -> Iterator[Row]:
    for kind, title in _CALLERS.items():
        each = found[kind]
        for side in ("bare", "router"):
            rate = each[f"{side}_per_second"]
            yield f"{each['callers']} at once, {title}, {side}", f"{rate} requests/s", ""
        yield _row(f"{title}: lost to the router", each["lost_percent"], "%", LOST_PERCENT)


def _soak(found: Mapping[str, Any]) -> Iterator[Row]:
    title = f"soak, {found['minutes']:g} min at {found['per_second']}/s, {found['reloads']} reloads"
    yield _row(f"{title}: lost of {found['requests']}", found["lost"], "requests", 0)
    for key, when in (("around_a_reload", "around a reload"), ("otherwise", "otherwise")):
        if times := found[key]:
            yield f"soak, {when}", _quantiles(times), ""
    for why, count in found["problems"].items():
        yield f"soak, lost: {why}", str(count), ""


def _quantiles(times: Mapping[str, Any]) -> str:
    shown: Sequence[str] = ("p50_ms", "p99_ms", "max_ms")
    return "  ".join(f"{name[:3]} {times[name]}" for name in shown) + " ms"


def _row(title: str, value: float, unit: str, asked: float | None) -> Row:
    if asked is None:
        return title, f"{value} {unit}", ""
    missed = "" if value <= asked else ", missed"
    return title, f"{value} {unit}", f"{asked:g} {unit}{missed}"


ROWS = {"starts": _starts, "latency": _latency, "throughput": _throughput, "soak": _soak}
