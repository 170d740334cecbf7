"""JSON objects that a protocol wants kept and the workspace need not understand.

MLflow's logged models and registered models' descriptions are such.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from toolkit.errors import NotFound
from toolkit.workspace.columns import from_json, now, to_mapping, to_time
from toolkit.workspace.database import Database


class Documents:
    """Objects by kind and id. All methods may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: str, id_: str, body: Mapping[str, Any]) -> None:
        """Keep one, in place of what was there."""
        with self._database.transaction() as transaction:
            transaction.run(
                "INSERT INTO documents (kind, id, created, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, id_, to_time(now()), to_mapping(body)),
            )

    def merge(self, kind: str, id_: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Set some keys of one that is there, which nobody can write meanwhile; the whole."""
        with self._database.transaction() as transaction:
            found = "SELECT body FROM documents WHERE kind = ? AND id = ?"
            rows = transaction.rows(found, (kind, id_))
            if not rows:
                raise NotFound(f"no {kind} with that id: `{id_}`")
            body = {**from_json(rows[0][0]), **changes}
            sql = "UPDATE documents SET body = ? WHERE kind = ? AND id = ?"
            transaction.run(sql, (to_mapping(body), kind, id_))
        return body

    def find(self, kind: str, id_: str) -> dict[str, Any] | None:
        rows = self._database.rows(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id_)
        )
        return dict(from_json(rows[0][0])) if rows else None

    def list(self, kind: str) -> builtins.list[dict[str, Any]]:
        """All of a kind, oldest first."""
        rows = self._database.rows(
            "SELECT body FROM documents WHERE kind = ? ORDER BY created, rowid", (kind,)
        )
        return [from_json(body) for (body,) in rows]

    def delete(self, kind: str, id_: str) -> None:
        """Also if it is not there."""
        with self._database.transaction() as transaction:
            transaction.run("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id_))
