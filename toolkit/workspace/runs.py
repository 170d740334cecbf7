"""The runs of a workspace: made, followed, found and deleted."""

from __future__ import annotations

import builtins
import difflib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from toolkit.errors import Conflict, NameTaken, NotFound
from toolkit.workspace.columns import now, to_json, to_mapping, to_time
from toolkit.workspace.database import Database, Transaction, WorkspaceUnusable
from toolkit.workspace.model import (
    TERMINAL,
    NewRun,
    Run,
    RunChanges,
    RunStatus,
    RunSummary,
)
from toolkit.workspace.names import check_run_name, fresh_run_name
from toolkit.workspace.owners import is_gone
from toolkit.workspace.run_query import RunFilter, newest_first
from toolkit.workspace.run_rows import (
    SELECT,
    SELECT_SUMMARIES,
    changed_columns,
    run_of,
    summary_of,
)
from toolkit.workspace.status import may_follow

if TYPE_CHECKING:
    from typing_extensions import Unpack

RUN_FOLDERS: Final = (
    "code",
    "outputs",
    "logs",
    "azureml-logs",
    "user_logs",
    "artifacts",
    "inputs",
)
SHOWN_FOLDERS: Final = ("outputs", "logs", "azureml-logs", "user_logs", "system_logs")
"""What a run's artifacts show of its folder; the rest of them was logged, by MLflow for one."""
# said as what they are in, not as what they are not in: an index finds those
_UNFINISHED: Final = ", ".join(f"'{each}'" for each in get_args(RunStatus) if each not in TERMINAL)


class Runs:
    """What was run. Every method reads or writes at once, and may be called from any thread."""

    def __init__(self, database: Database, state: Path) -> None:
        self._database = database
        self._state = state

    def folder_of(self, name: str) -> Path:
        return self._state / "runs" / name

    def create(self, run: NewRun) -> Run:
        """Begin a run: its row, and its folder with `RUN_FOLDERS` inside.

        Raises NameTaken if its name exists, NotFound if its parent does not.
        """
        name = run.name or fresh_run_name(run.naming, run.experiment)
        check_run_name(name)
        with self._database.transaction() as transaction:
            self._insert(transaction, name, run)
            self._make_folders(name)
        return self.get(name)

    def get(self, name: str) -> Run:
        """Raises NotFound with the nearest names."""
        rows = self._database.rows(SELECT + "name = ?", (name,))
        if not rows:
            raise self._not_found(name)
        return run_of(rows[0], self._state)

    def update(self, name: str, **changes: Unpack[RunChanges]) -> Run:
        """Set what is given and leave the rest."""
        with self._database.transaction() as transaction:
            self._change(transaction, name, changed_columns(changes, self._state))
        return self.get(name)

    def advance(self, name: str, status: RunStatus, **changes: Unpack[RunChanges]) -> Run:
        """Give a run its next status, and what is known with it.

        `started` is set at `Running`, `ended` at a terminal status. Raises Conflict where the
        service knows no such step, as from a terminal status to any.
        """
        with self._database.transaction() as transaction:
            rows = transaction.rows("SELECT status, started FROM runs WHERE name = ?", (name,))
            if not rows:
                raise self._not_found(name)
            before, started = rows[0]
            if not may_follow(status, before):
                raise Conflict(f"run `{name}` is `{before}` and cannot become `{status}`")
            columns = {**changed_columns(changes, self._state), "status": status}
            if status == "Running" and started is None:
                columns["started"] = to_time(now())
            if status in TERMINAL:
                columns["ended"] = to_time(now())
            self._change(transaction, name, columns)
        return self.get(name)

    def tag(self, name: str, tags: Mapping[str, str | None]) -> Run:
        """Set tags; a value of None removes one."""
        return self._merge(name, "tags", tags)

    def add_properties(self, name: str, properties: Mapping[str, str]) -> Run:
        """Set properties, which the service does not let anybody change: Conflict."""
        return self._merge(name, "properties", properties, fixed=True)

    def set_parameters(self, name: str, parameters: Mapping[str, str]) -> Run:
        """Log parameters; one that has another value already is a Conflict, as in MLflow."""
        return self._merge(name, "parameters", parameters, fixed=True)

    def list(self, **chosen: Unpack[RunFilter]) -> builtins.list[Run]:
        """Runs, newest first, archived ones left out unless asked for; see RunFilter."""
        return self._runs(*newest_first(chosen))

    def summaries(self, **chosen: Unpack[RunFilter]) -> builtins.list[RunSummary]:
        """As `list`, without what a list does not show: 10,000 in a moment."""
        where, values = newest_first(chosen)
        return [summary_of(row) for row in self._database.rows(SELECT_SUMMARIES + where, values)]

    def count(self) -> int:
        return int(self._database.rows("SELECT count(*) FROM runs")[0][0])

    def children(self, name: str) -> builtins.list[Run]:
        """The runs right below one, oldest first."""
        return self._runs("parent = ? ORDER BY created, rowid", (name,))

    def descendants(self, name: str) -> builtins.list[Run]:
        """All runs below one, parents before their children."""
        found: builtins.list[Run] = []
        for child in self.children(name):
            found += [child, *self.descendants(child.name)]
        return found

    def unfinished(self) -> builtins.list[Run]:
        """Runs in no terminal status, newest first."""
        return self._runs(f"status IN ({_UNFINISHED}) ORDER BY created DESC, rowid DESC", ())

    def orphans(self) -> builtins.list[Run]:
        """Unfinished runs that nobody looks after any more, see `live.run_orphans`.

        An interactive one without an owner was begun by somebody's own code, which may go on.
        """
        return [run for run in self.unfinished() if _is_orphan(run)]

    def delete(self, name: str) -> None:
        """Remove a run, the runs below it, and their folders.

        Raises Conflict while one of them runs, or if a registered asset lies in a folder.
        """
        doomed = [*reversed(self.descendants(name)), self.get(name)]
        for run in doomed:
            self._check_deletable(run)
        for run in doomed:
            # folder first: a run whose folder could not be deleted is still there to be seen
            self._delete_folder(run)
            with self._database.transaction() as transaction:
                transaction.run("DELETE FROM runs WHERE name = ?", (run.name,))

    def _insert(self, transaction: Transaction, name: str, run: NewRun) -> None:
        if transaction.rows("SELECT 1 FROM runs WHERE name = ? COLLATE NOCASE", (name,)):
            raise NameTaken(
                f"a run of that name exists: `{name}`",
                hint=f"choose another name, or run `aml-emu runs delete {name}`",
            )
        last = transaction.rows(
            "SELECT max(number) FROM runs WHERE experiment = ?", (run.experiment,)
        )
        columns = {
            "name": name,
            "experiment": run.experiment,
            "kind": run.kind,
            "status": run.status,
            "display_name": run.display_name or name,
            "parent": run.parent,
            "root": self._root(transaction, name, run),
            "number": (last[0][0] or 0) + 1,
            "created": to_time(now()),
            "started": to_time(now()) if run.status == "Running" else None,
            "owner": None if run.owner is None else to_json(vars(run.owner)),
            "engine": run.engine,
            "tags": to_mapping(run.tags),
            "properties": to_mapping(run.properties),
            "parameters": to_mapping(run.parameters),
            "definition": to_mapping(run.definition),
        }
        transaction.insert("runs", columns)

    def _root(self, transaction: Transaction, name: str, run: NewRun) -> str:
        if run.parent is None:
            return name
        rows = transaction.rows("SELECT root FROM runs WHERE name = ?", (run.parent,))
        if not rows:
            raise self._not_found(run.parent)
        return str(rows[0][0])

    def _make_folders(self, name: str) -> None:
        folder = self.folder_of(name)
        try:
            for part in RUN_FOLDERS:
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceUnusable(
                f"the run's folder cannot be made: {folder}", details=str(error)
            ) from error

    def _change(self, transaction: Transaction, name: str, columns: Mapping[str, Any]) -> None:
        if not transaction.update("runs", {"name": name}, columns):
            raise self._not_found(name)

    def _merge(
        self, name: str, column: str, new: Mapping[str, str | None], *, fixed: bool = False
    ) -> Run:
        with self._database.transaction() as transaction:
            rows = transaction.rows(SELECT + "name = ?", (name,))
            if not rows:
                raise self._not_found(name)
            before: Mapping[str, str] = getattr(run_of(rows[0], self._state), column)
            for key, value in new.items() if fixed else ():
                if before.get(key, value) != value:
                    raise Conflict(
                        f"run `{name}` has `{key}` in its {column} already: `{before[key]}`",
                        hint=f"{column} cannot be changed; it was to become `{value}`",
                    )
            merged = {**before, **new}
            kept = {key: value for key, value in merged.items() if value is not None}
            self._change(transaction, name, {column: to_mapping(kept)})
        return self.get(name)

    def _runs(self, where: str, values: tuple[Any, ...]) -> builtins.list[Run]:
        return [run_of(row, self._state) for row in self._database.rows(SELECT + where, values)]

    def _check_deletable(self, run: Run) -> None:
        if not run.is_terminal and not (run.owner is None or is_gone(run.owner)):
            raise Conflict(
                f"run `{run.name}` is `{run.status}`",
                hint=f"end it first: `aml-emu runs cancel {run.name}`",
            )
        inside = str(self.folder_of(run.name).relative_to(self._state))
        rows = self._database.rows(
            "SELECT kind, name, version FROM assets WHERE path = ? OR substr(path, 1, ?) = ?",
            (inside, len(inside) + 1, f"{inside}/"),
        )
        if rows:
            kind, name, version = rows[0]
            raise Conflict(
                f"the {kind} `{name}:{version}` lies in the folder of run `{run.name}`",
                hint="register it from a copy first, or keep the run",
            )

    def _delete_folder(self, run: Run) -> None:
        folder = self.folder_of(run.name)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise WorkspaceUnusable(
                f"the run's folder cannot be deleted: {folder}",
                details=str(error),
                hint="delete it yourself (its files may belong to another user), then try again",
            ) from error

    def _not_found(self, name: str) -> NotFound:
        names = [str(row[0]) for row in self._database.rows("SELECT name FROM runs")]
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        wanted = ", ".join(f"`{found}`" for found in close)
        return NotFound(
            f"no run of that name: `{name}`",
            hint=f"did you mean {wanted}?" if close else "`aml-emu runs list` shows all",
        )


def _is_orphan(run: Run) -> bool:
    return run.kind != "interactive" if run.owner is None else is_gone(run.owner)
