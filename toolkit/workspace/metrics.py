"""What runs measured: MLflow's metrics, and the richer records of v1 `log…` methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from toolkit.errors import NotFound
from toolkit.workspace.columns import from_json, to_json
from toolkit.workspace.database import Database, Row
from toolkit.workspace.model import Metric, Record
from toolkit.workspace.shape import shaped

_SELECT: Final = (
    "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run = ? AND key = ? ORDER BY "
)


class Metrics:
    """All methods may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def log(self, run: str, metrics: Sequence[Metric]) -> None:
        """All of them or none. One that is there to the last digit is not kept twice.

        Clients that send a batch again after a lost answer count on that.
        """
        with self._database.transaction() as transaction:
            _check(transaction.rows("SELECT 1 FROM runs WHERE name = ?", (run,)), run)
            transaction.run_many(
                "INSERT OR IGNORE INTO metrics (run, key, step, timestamp, value, is_nan) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (_row(run, metric) for metric in metrics),
            )

    def latest(self, run: str) -> dict[str, Metric]:
        """The last value of each metric: the one of the highest step, then timestamp."""
        rows = self._database.rows("SELECT DISTINCT key FROM metrics WHERE run = ?", (run,))
        last = f"{_SELECT}step DESC, timestamp DESC, value DESC LIMIT 1"
        return {key: _metric(self._database.rows(last, (run, key))[0]) for (key,) in rows}

    def history(self, run: str, key: str) -> list[Metric]:
        """Every value of one metric by step, then timestamp."""
        rows = self._database.rows(f"{_SELECT}step, timestamp", (run, key))
        return [_metric(row) for row in rows]

    def record(self, run: str, record: Record) -> Record:
        """Keep a call of a v1 `log…` method; `order` of what is given does not count."""
        return self.record_all(run, [record])[0]

    def record_all(self, run: str, records: Sequence[Record]) -> list[Record]:
        """As `record`, all of them or none."""
        with self._database.transaction() as transaction:
            _check(transaction.rows("SELECT 1 FROM runs WHERE name = ?", (run,)), run)
            kept = []
            for record in records:
                columns = {**vars(record), "run": run, "value": to_json(record.value)}
                del columns["order"]
                order = transaction.insert("records", columns)
                kept.append(_with_order(record, order))
        return kept

    def records(self, run: str) -> list[Record]:
        """In the order in which they were logged."""
        rows = self._database.rows(
            "SELECT key, kind, step, description, value, id FROM records WHERE run = ? ORDER BY id",
            (run,),
        )
        return [
            Record(
                key=key,
                kind=kind,
                step=step,
                description=description,
                value=from_json(value),
                order=order,
            )
            for key, kind, step, description, value, order in rows
        ]

    def values(self, run: str) -> Mapping[str, Any]:
        """Everything measured in the shape of v1's `Run.get_metrics()`.

        A metric that was also recorded is told as it was recorded.
        """
        found = shaped(self.records(run))
        for key in self.latest(run):
            if key not in found:
                history = [metric.value for metric in self.history(run, key)]
                found[key] = history[0] if len(history) == 1 else history
        return found


def _check(rows: list[Row], run: str) -> None:
    if not rows:
        raise NotFound(f"no run of that name: `{run}`", hint="`aml-emu runs list` shows all")


def _row(run: str, metric: Metric) -> Row:
    nan = math.isnan(metric.value)  # SQLite knows no NaN
    value = 0.0 if nan else metric.value
    return (run, metric.key, metric.step, metric.timestamp, value, nan)


def _metric(row: Row) -> Metric:
    key, value, timestamp, step, is_nan = row
    return Metric(key=key, value=math.nan if is_nan else value, timestamp=timestamp, step=step)


def _with_order(record: Record, order: int) -> Record:
    return Record(**{**vars(record), "order": order})
