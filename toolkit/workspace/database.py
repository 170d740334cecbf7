"""The one door to SQLite: a file that several processes write at once, and its transactions.

It knows no tables; what goes wrong becomes an error that says what to do.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from toolkit.errors import Conflict, EmuError
from toolkit.workspace.schema import MIGRATIONS

Row = tuple[Any, ...]

BUSY_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_MISSING_ROOM: Final = ("disk is full", "disk I/O error")
_FORBIDDEN: Final = ("readonly database", "unable to open", "authorization denied")


class WorkspaceUnusable(EmuError):
    """The workspace's folder or database is damaged, forbidden, full or too new."""

    exit_code = 3


class Transaction:
    """Statements that happen together or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Change rows; how many."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, columns: Mapping[str, Any]) -> int:
        """Add a row; its rowid."""
        places = ", ".join("?" for _ in columns)
        # tables and columns are named by the program, never by its input
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608  # as said
        return self._connection.execute(sql, tuple(columns.values())).lastrowid or 0

    def update(self, table: str, key: Mapping[str, Any], columns: Mapping[str, Any]) -> int:
        """Set columns of the rows that the key says; how many there are."""
        where = " AND ".join(f"{column} = ?" for column in key)
        changes = ", ".join(f"{column} = ?" for column in columns or key)
        sql = f"UPDATE {table} SET {changes} WHERE {where}"  # noqa: S608  # see `insert`
        return self.run(sql, (*(columns or key).values(), *key.values()))

    def run_many(self, sql: str, values: Iterable[Row]) -> None:
        self._connection.executemany(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()


class Database:
    """One connection, which threads share by taking turns."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._turn = threading.RLock()
        self._now = now
        self._busy_seconds = busy_seconds
        with self._told():
            self._connection = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
        self._closing = weakref.finalize(self, self._connection.close)
        with self._told():
            self._prepare()

    def close(self) -> None:
        with self._turn:
            self._closing()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """What a query finds."""
        with self._turn, self._told():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All that is run inside, or nothing if an exception leaves it.

        The right to write is taken at the start: asking for it after reading could fail at once.
        """
        with self._turn, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA foreign_keys = ON")
        if self._version() == len(MIGRATIONS):
            self._connection.execute("PRAGMA synchronous = NORMAL")
            return
        self._use_write_ahead_log()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.transaction() as transaction:
            found = self._version()  # another process may have been faster
            if found > len(MIGRATIONS):
                raise WorkspaceUnusable(
                    f"the workspace was written by a newer aml-emu: {self._path}",
                    hint="update aml-emu: its schema is "
                    f"{found}, this one knows up to {len(MIGRATIONS)}",
                )
            for migration in MIGRATIONS[found:]:
                for statement in migration:
                    transaction.run(statement)
            transaction.run(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _use_write_ahead_log(self) -> None:
        """Readers do not wait for writers. SQLite does not wait by itself for this one change."""
        deadline = self._now() + self._busy_seconds
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or self._now() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors as ours. A wrong statement is our bug and stays what it is."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            problem = self._problem(str(error))
            if problem is None:
                raise
            raise problem from error

    def _problem(self, said: str) -> EmuError | None:
        if "locked" in said or "busy" in said:
            return Conflict(
                f"another process has been writing for {self._busy_seconds:g} s: {self._path}",
                hint="end it, or try again when it is done",
            )
        if any(words in said for words in _MISSING_ROOM):
            return WorkspaceUnusable(
                f"no room to write: {self._path}",
                details=said,
                hint="free disk space, for example by `aml-emu prune`",
            )
        if any(words in said for words in _FORBIDDEN):
            return WorkspaceUnusable(
                f"cannot be opened for writing: {self._path}",
                details=said,
                hint="make the folder and the files in it your own",
            )
        if "malformed" in said or "not a database" in said:
            return WorkspaceUnusable(
                f"damaged, or no database: {self._path}",
                details=said,
                hint="move the file away to begin anew; the folders of the runs stay",
            )
        return None
