"""Columns of text, and how times, sizes and spans are written in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Final

_STEP: Final = 1000
_SMALL: Final = 9.95  # below it, one digit behind the point says something
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; the last one is not padded."""
    columns = zip(titles, *rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    layout = "  ".join(f"{{:<{width}}}" for width in widths[:-1])
    layout = f"{layout}  {{}}" if layout else "{}"
    return "\n".join(layout.format(*row).rstrip() for row in (titles, *rows))


def local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def iso(seconds: float | None) -> str | None:
    """For programs: UTC, with the milliseconds."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(seconds: float) -> str:
    """The two largest units: `4.2s`, `3m 05s`, `2h 10m`."""
    if seconds < 60:  # noqa: PLR2004  # seconds of a minute
        return f"{seconds:.1f}s"
    names = [unit for _, unit in _UNITS] + ["s"]
    parts, rest = [], int(seconds)
    for length, _ in _UNITS:
        parts.append(rest // length)
        rest %= length
    parts.append(rest)
    first = next(index for index, part in enumerate(parts) if part)
    return f"{parts[first]}{names[first]} {parts[first + 1]:02}{names[first + 1]}"


def size(count: int) -> str:
    """`512 B`, `1.5 kB`, `12 MB`; decimal units, as Docker counts."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while round(amount) >= _STEP and len(units) > 1:
        amount, units = amount / _STEP, units[1:]
    digits = 1 if amount < _SMALL and units[0] != "B" else 0
    return f"{amount:.{digits}f} {units[0]}"


def number(value: float) -> str:
    """Six digits that count: `0.921053`, `1e-05`, `150`."""
    return f"{value:.6g}"
