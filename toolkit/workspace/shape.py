"""Records in the shape that v1's `Run.get_metrics()` answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.workspace.model import Record


def shaped(records: Sequence[Record]) -> dict[str, Any]:
    """A scalar logged once is a value, more often a list; rows become columns."""
    by_key: dict[str, list[Record]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)
    return {key: _shape(found) for key, found in by_key.items()}


def _shape(found: Sequence[Record]) -> Any:
    values = [record.value for record in found]
    kinds = {record.kind for record in found}
    if kinds == {"scalar"}:
        return values[0] if len(values) == 1 else values
    if kinds == {"list"}:
        return [value for each in values for value in each]
    if kinds <= {"row", "table"}:
        return _columns([row for record in found for row in _rows(record)])
    return values[-1]  # an image or a chart: the last one stands


def _rows(record: Record) -> list[Mapping[str, Any]]:
    """A row is `{column: value}`, a table `{column: [values]}` of equal or unequal lengths."""
    columns: Mapping[str, Any] = record.value
    if record.kind == "row":
        return [columns]
    lists = {name: v if isinstance(v, list) else [v] for name, v in columns.items()}
    length = max((len(values) for values in lists.values()), default=0)
    return [
        {name: values[index] for name, values in lists.items() if index < len(values)}
        for index in range(length)
    ]


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{column: value}` of one row, `{column: [values]}` of several, padded with None."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(rows) == 1:
        return dict(rows[0])
    return {name: [row.get(name) for row in rows] for name in names}
