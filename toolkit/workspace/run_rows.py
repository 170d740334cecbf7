"""Runs as rows of the table `runs`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from toolkit.workspace.columns import (
    from_json,
    from_path,
    from_time,
    from_time_if,
    to_json,
    to_mapping,
    to_path,
)
from toolkit.workspace.database import Row
from toolkit.workspace.model import Owner, Run, RunChanges, RunError, RunSummary

SELECT: Final = (
    "SELECT name, experiment, kind, status, display_name, parent, root, number, created, "
    "started, ended, exit_code, error, owner, engine, debug_address, archived, tags, properties, "
    "parameters, outputs, definition FROM runs WHERE "
)
SELECT_SUMMARIES: Final = (
    "SELECT name, experiment, kind, status, display_name, parent, "
    "created / 1e6, started / 1e6, ended / 1e6 FROM runs WHERE "
)


def run_of(row: Row, state: Path) -> Run:
    return Run(
        name=row[0],
        experiment=row[1],
        kind=row[2],
        status=row[3],
        display_name=row[4],
        parent=row[5],
        root=row[6],
        number=row[7],
        created=from_time(row[8]),
        started=from_time_if(row[9]),
        ended=from_time_if(row[10]),
        exit_code=row[11],
        error=None if row[12] is None else RunError(**from_json(row[12])),
        owner=None if row[13] is None else Owner(**from_json(row[13])),
        engine=row[14],
        debug_address=row[15],
        archived=bool(row[16]),
        tags=from_json(row[17]),
        properties=from_json(row[18]),
        parameters=from_json(row[19]),
        outputs={name: from_path(at, state) for name, at in from_json(row[20]).items()},
        definition=from_json(row[21]),
    )


def summary_of(row: Row) -> RunSummary:
    return RunSummary._make(row)


def changed_columns(changes: RunChanges, state: Path) -> dict[str, Any]:
    """What to set each named column to."""
    return {name: _column(name, value, state) for name, value in changes.items()}


def _column(name: str, value: Any, state: Path) -> Any:
    match name, value:
        case "outputs", Mapping():
            return to_json({key: to_path(path, state) for key, path in value.items()})
        case "definition", Mapping():
            return to_mapping(value)
        case ("error", RunError()) | ("owner", Owner()):
            return to_json(vars(value))
    return value
