"""The experiments of a workspace, as MLflow's REST has them: ids, renaming, deleting, restoring."""

from __future__ import annotations

import builtins
import difflib
import uuid
from collections.abc import Mapping
from typing import Any, Final

from toolkit.errors import NameTaken, NotFound, SpecError
from toolkit.workspace.columns import from_json, from_time, now, to_mapping, to_time
from toolkit.workspace.database import Database, Row
from toolkit.workspace.model import Experiment

_SELECT: Final = "SELECT id, name, created, updated, archived, tags FROM experiments WHERE "


class Experiments:
    """All methods may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_or_create(self, name: str) -> Experiment:
        """The experiment of that name, also one that was archived."""
        if not name.strip():
            raise SpecError("the experiment's name is empty")
        with self._database.transaction() as transaction:
            if not transaction.rows("SELECT 1 FROM experiments WHERE name = ?", (name,)):
                moment = to_time(now())
                columns = {
                    "id": str(uuid.uuid4()),
                    "name": name,
                    "created": moment,
                    "updated": moment,
                }
                transaction.insert("experiments", columns)
        return self.by_name(name)

    def get(self, id_: str) -> Experiment:
        return self._one("id", id_)

    def by_name(self, name: str) -> Experiment:
        return self._one("name", name)

    def list(self, *, archived: bool | None = False) -> builtins.list[Experiment]:
        """Newest first; `archived` None means both."""
        where, values = ("1", ()) if archived is None else ("archived = ?", (int(archived),))
        rows = self._database.rows(f"{_SELECT}{where} ORDER BY created DESC, rowid DESC", values)
        return [_experiment(row) for row in rows]

    def rename(self, id_: str, name: str) -> Experiment:
        """Its runs go with it. Raises NameTaken."""
        before = self.get(id_)
        with self._database.transaction() as transaction:
            taken = "SELECT 1 FROM experiments WHERE name = ? AND id != ?"
            if transaction.rows(taken, (name, id_)):
                raise NameTaken(f"an experiment of that name exists: `{name}`")
            transaction.run("UPDATE experiments SET name = ? WHERE id = ?", (name, id_))
            moved = "UPDATE runs SET experiment = ? WHERE experiment = ?"
            transaction.run(moved, (name, before.name))
        return self._change(id_, {})

    def delete(self, id_: str) -> Experiment:
        """Archive it; its runs stay as they are."""
        return self._change(id_, {"archived": 1})

    def restore(self, id_: str) -> Experiment:
        return self._change(id_, {"archived": 0})

    def tag(self, id_: str, tags: Mapping[str, str | None]) -> Experiment:
        """Set tags; a value of None removes one."""
        with self._database.transaction() as transaction:
            rows = transaction.rows("SELECT tags FROM experiments WHERE id = ?", (id_,))
            merged = {**from_json(rows[0][0] if rows else "{}"), **tags}
            kept = {key: value for key, value in merged.items() if value is not None}
            sql = "UPDATE experiments SET tags = ? WHERE id = ?"
            transaction.run(sql, (to_mapping(kept), id_))
        return self._change(id_, {})

    def _change(self, id_: str, columns: Mapping[str, Any]) -> Experiment:
        with self._database.transaction() as transaction:
            changes = {**columns, "updated": to_time(now())}
            transaction.update("experiments", {"id": id_}, changes)
        return self.get(id_)

    def _one(self, column: str, value: str) -> Experiment:
        rows = self._database.rows(f"{_SELECT}{column} = ?", (value,))
        if rows:
            return _experiment(rows[0])
        known = [getattr(experiment, column) for experiment in self.list(archived=None)]
        close = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
        raise NotFound(
            f"no experiment with that {column}: `{value}`",
            hint=f"did you mean `{close[0]}`?" if close else "",
        )


def _experiment(row: Row) -> Experiment:
    return Experiment(
        id=row[0],
        name=row[1],
        created=from_time(row[2]),
        updated=from_time(row[3]),
        archived=bool(row[4]),
        tags=from_json(row[5]),
    )
