"""Which runs to list, as SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict

from toolkit.workspace.columns import to_time
from toolkit.workspace.model import RunKind, RunStatus

_TAGGED: Final = "EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.key = ?{})"


class RunFilter(TypedDict, total=False):
    """What is not given, or None, filters nothing.

    `top` leaves out the children of others; `tag` is (key, value), a value of None being any;
    `archived` is False unless given, and None means both.
    """

    experiment: str | None
    status: RunStatus | None
    kind: RunKind | None
    parent: str | None
    top: bool
    tag: tuple[str, str | None] | None
    since: datetime | None
    archived: bool | None
    limit: int | None


def newest_first(chosen: RunFilter) -> tuple[str, tuple[Any, ...]]:
    """What follows WHERE, and the values for its places."""
    found = list(_conditions(chosen))
    where = " AND ".join(condition for condition, _ in found) or "1"
    values = [value for _, given in found for value in given]
    order = "ORDER BY created DESC, rowid DESC"
    limit = chosen.get("limit")
    if limit is None:
        return f"{where} {order}", tuple(values)
    return f"{where} {order} LIMIT ?", (*values, limit)


def _conditions(chosen: RunFilter) -> list[tuple[str, tuple[Any, ...]]]:
    found: list[tuple[str, tuple[Any, ...]]] = []
    archived = chosen.get("archived", False)
    equal = {
        "archived": None if archived is None else int(archived),
        "experiment": chosen.get("experiment"),
        "status": chosen.get("status"),
        "kind": chosen.get("kind"),
        "parent": chosen.get("parent"),
    }
    found += [(f"{column} = ?", (value,)) for column, value in equal.items() if value is not None]
    if chosen.get("top"):
        # the plus keeps SQLite from the index by parent, which would read whole rows
        found.append(("+parent IS NULL", ()))
    if since := chosen.get("since"):
        found.append(("created >= ?", (to_time(since),)))
    if tag := chosen.get("tag"):
        key, value = tag
        found.append((_TAGGED.format(""), (key,)) if value is None else _tagged(key, value))
    return found


def _tagged(key: str, value: str) -> tuple[str, tuple[Any, ...]]:
    return _TAGGED.format(" AND tag.value = ?"), (key, value)
