"""How values stand in columns: times as microseconds, mappings as JSON, paths inside relative."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)


def now() -> datetime:
    return datetime.now(tz=timezone.utc)


def to_time(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def from_time(stored: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stored)


def from_time_if(stored: int | None) -> datetime | None:
    return None if stored is None else from_time(stored)


def to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def to_mapping(value: Mapping[str, Any]) -> str:
    return to_json(dict(value))


def from_json(stored: str) -> Any:
    return json.loads(stored)


def to_path(path: Path, state: Path) -> str:
    """Relative if inside the workspace, so that a project can be moved."""
    try:
        return path.resolve().relative_to(state).as_posix()
    except ValueError:
        return str(path.resolve())


def from_path(stored: str, state: Path) -> Path:
    """What `to_path` made: an absolute path stays as it is."""
    return state / stored
