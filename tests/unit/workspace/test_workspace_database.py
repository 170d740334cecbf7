from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from toolkit.errors import Conflict
from toolkit.workspace.database import Database, WorkspaceUnusable
from toolkit.workspace.model import Metric, NewRun
from toolkit.workspace.schema import MIGRATIONS
from toolkit.workspace.workspace import DATABASE_FILE, Workspace


def add(database: Database, facts: Mapping[str, str | int]) -> None:
    with database.transaction() as transaction:
        for key, value in facts.items():
            transaction.insert("facts", {"key": key, "value": value})


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as first:
        first.runs.create(NewRun(experiment="a", name="one"))
    with Workspace.open(tmp_path) as second:
        assert second.runs.get("one").experiment == "a"


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"no database at all, but long enough" * 100)
    with pytest.raises(WorkspaceUnusable) as caught:
        Workspace.open(tmp_path)
    assert caught.value.message == f"damaged, or no database: {tmp_path / DATABASE_FILE}"
    assert caught.value.exit_code == 3


def test_damage_inside_is_told(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_FILE
    with Workspace.open(tmp_path) as workspace:
        for index in range(50):
            workspace.runs.create(
                NewRun(experiment="a", name=f"r{index}", definition={"x": "y" * 500})
            )
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(WorkspaceUnusable, match="damaged"), Workspace.open(tmp_path) as broken:
        broken.runs.list()


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    Workspace.open(tmp_path).close()
    path = tmp_path / DATABASE_FILE
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(WorkspaceUnusable) as caught:
        Workspace.open(tmp_path)
    assert caught.value.message == f"the workspace was written by a newer aml-emu: {path}"
    assert "update aml-emu" in caught.value.hint
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceUnusable, match="the workspace's folder cannot be made"):
        Workspace.open(tmp_path / "file" / ".aml-emu")
    (tmp_path / DATABASE_FILE).mkdir()
    with pytest.raises(WorkspaceUnusable, match="cannot be opened for writing"):
        Workspace.open(tmp_path)


def test_a_database_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    database.rows("PRAGMA query_only = ON")
    with pytest.raises(WorkspaceUnusable) as caught:
        add(database, {"a": "b"})
    assert caught.value.details == "attempt to write a readonly database"
    database.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    pages = database.rows("PRAGMA page_count")[0][0]
    database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(WorkspaceUnusable) as caught:
        add(database, {"a": "b", "c": "d" * 100_000})
    assert caught.value.message == f"no room to write: {tmp_path / 'a.db'}"
    assert database.rows("SELECT * FROM facts") == []
    database.close()


def test_a_lock_that_is_not_let_go_is_told(tmp_path: Path) -> None:
    holder, waiter = Database(tmp_path / "a.db"), Database(tmp_path / "a.db", busy_seconds=0.05)
    with holder.transaction():
        with pytest.raises(Conflict, match=r"another process has been writing for 0\.05 s"):
            add(waiter, {"a": "b"})
        assert waiter.rows("SELECT * FROM facts") == []  # reading does not wait
    add(waiter, {"a": "b"})
    holder.close()
    waiter.close()


def test_an_exception_undoes_the_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    with pytest.raises(OverflowError):
        add(database, {"a": "b", "c": 2**70})
    assert database.rows("SELECT * FROM facts") == []
    database.close()


def test_a_wrong_statement_stays_our_bug(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    with pytest.raises(sqlite3.OperationalError):
        database.rows("SELECT * FROM nothing")
    database.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        workspace.runs.create(NewRun(experiment="a", name="one"))

        def log(worker: int) -> None:
            for step in range(25):
                workspace.metrics.log(
                    "one", [Metric(key=f"m{worker}", value=step, step=step, timestamp=step)]
                )
                workspace.runs.tag("one", {f"{worker}-{step}": "x"})

        threads = [threading.Thread(target=log, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(workspace.runs.get("one").tags) == 100
        assert [len(workspace.metrics.history("one", f"m{w}")) for w in range(4)] == [25] * 4
