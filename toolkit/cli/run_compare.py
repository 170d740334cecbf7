"""Several runs beside each other: which parameters, tags, metrics and definitions differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from toolkit.cli.tables import number, table

if TYPE_CHECKING:
    from toolkit.workspace.model import Run
    from toolkit.workspace.workspace import Workspace

_MISSING: Final = "-"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One key and its value in each run; None where a run does not have it."""

    section: str
    key: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        return any(value != self.values[0] for value in self.values[1:])


def compared(runs: Sequence[Run], workspace: Workspace) -> list[Line]:
    """All lines, section by section, sorted by key."""
    sections: Mapping[str, list[Mapping[str, Any]]] = {
        "run": [_facts(run) for run in runs],
        "definition": [_flat(run.definition) for run in runs],
        "parameters": [run.parameters for run in runs],
        "tags": [run.tags for run in runs],
        "metrics": [_metrics(run.name, workspace) for run in runs],
    }
    return [
        Line(section=section, key=key, values=tuple(found.get(key) for found in each))
        for section, each in sections.items()
        for key in sorted({key for found in each for key in found})
    ]


def comparison_text(names: Sequence[str], lines: Sequence[Line]) -> str:
    """A table; of two runs' metrics also how much the second one is above the first."""
    pair = len(names) == 2  # noqa: PLR2004  # a difference needs two
    titles = ["", *names, *(["CHANGE"] if pair else [])]
    rows: list[list[str]] = []
    for section in dict.fromkeys(line.section for line in lines):
        rows.append([section.upper(), *("" for _ in titles[1:])])
        for line in lines:
            if line.section == section:
                cells = [f"  {line.key}", *(_cell(value) for value in line.values)]
                rows.append([*cells, *([_change(line.values)] if pair else [])])
    return table(titles, rows)


def comparison_document(names: Sequence[str], lines: Sequence[Line]) -> dict[str, Any]:
    sections: dict[str, dict[str, Any]] = {}
    for line in lines:
        values = dict(zip(names, line.values, strict=True))
        found = sections.setdefault(line.section, {})
        found[line.key] = {"values": values, "differs": line.differs}
    return {"runs": list(names), **sections}


def _facts(run: Run) -> dict[str, Any]:
    took = None
    if run.ended is not None:
        took = round((run.ended - (run.started or run.created)).total_seconds(), 3)
    facts = {"experiment": run.experiment, "kind": run.kind, "status": run.status, "took": took}
    return {key: value for key, value in facts.items() if value is not None}


def _metrics(run: str, workspace: Workspace) -> dict[str, Any]:
    latest = workspace.metrics.latest(run)
    found = {key: metric.value for key, metric in latest.items()}
    return {**workspace.metrics.values(run), **found}


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    if not isinstance(node, Mapping):
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _cell(value: Any) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, str):
        return value.replace("\n", "⏎")
    return number(value) if isinstance(value, float) else json.dumps(value)


def _change(values: tuple[Any, ...]) -> str:
    first, second = values
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not numbers or first == second:
        return ""
    return f"{second - first:+.6g}"
