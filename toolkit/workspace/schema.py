"""The tables, as the list of steps that lead to them: `user_version` counts the steps taken.

A step that was ever released is never changed; what comes later is appended.
Times are microseconds since 1970, mappings are JSON.
"""

from __future__ import annotations

from typing import Final

_FIRST: Final = (
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE experiments (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        archived INTEGER NOT NULL DEFAULT 0,
        tags TEXT NOT NULL DEFAULT '{}'
    )""",
    """CREATE TABLE runs (
        name TEXT PRIMARY KEY,
        experiment TEXT NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        display_name TEXT NOT NULL,
        parent TEXT,
        root TEXT NOT NULL,
        number INTEGER NOT NULL,
        created INTEGER NOT NULL,
        started INTEGER,
        ended INTEGER,
        exit_code INTEGER,
        error TEXT,
        owner TEXT,
        engine TEXT NOT NULL DEFAULT '',
        debug_address TEXT,
        archived INTEGER NOT NULL DEFAULT 0,
        tags TEXT NOT NULL DEFAULT '{}',
        properties TEXT NOT NULL DEFAULT '{}',
        parameters TEXT NOT NULL DEFAULT '{}',
        outputs TEXT NOT NULL DEFAULT '{}',
        definition TEXT NOT NULL DEFAULT '{}'
    )""",
    # a run is also a folder, and some file systems do not tell A from a
    "CREATE UNIQUE INDEX runs_by_folder ON runs (name COLLATE NOCASE)",
    # holds all that a list shows, so that long definitions are not read for it
    """CREATE INDEX runs_by_age ON runs (
        archived, created, parent, status, experiment, kind, name, display_name, started, ended
    )""",
    "CREATE INDEX runs_by_parent ON runs (parent, created)",
    "CREATE INDEX runs_by_experiment ON runs (experiment, created)",
    "CREATE INDEX runs_by_status ON runs (status)",
    """CREATE TABLE metrics (
        run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
        key TEXT NOT NULL,
        step INTEGER NOT NULL,
        timestamp INTEGER NOT NULL,
        value REAL NOT NULL,
        is_nan INTEGER NOT NULL,
        PRIMARY KEY (run, key, step, timestamp, value, is_nan)
    ) WITHOUT ROWID""",
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        step INTEGER,
        description TEXT NOT NULL,
        value TEXT NOT NULL
    )""",
    "CREATE INDEX records_by_run ON records (run, id)",
    """CREATE TABLE assets (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        path TEXT,
        uri TEXT NOT NULL,
        digest TEXT NOT NULL,
        created INTEGER NOT NULL,
        archived INTEGER NOT NULL DEFAULT 0,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        properties TEXT NOT NULL,
        source_run TEXT,
        definition TEXT NOT NULL
    )""",
    """CREATE UNIQUE INDEX assets_by_name ON assets (
        kind, name COLLATE NOCASE, version COLLATE NOCASE
    )""",
    """CREATE TABLE labels (
        asset INTEGER NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        PRIMARY KEY (kind, name, label)
    ) WITHOUT ROWID""",
    "CREATE INDEX labels_by_asset ON labels (asset)",
    """CREATE TABLE documents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        created INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    )""",
)

MIGRATIONS: Final = (_FIRST,)
