"""The `log…` methods of a submitted run: each call is one record in the workspace."""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from typing import Any, List, Mapping, Optional, Tuple
from typing import Counter as Counts

from ..exceptions import UserErrorException
from .link import Link
from .values import columns, listed, plain

# how often this process has logged a number to a run under a name: the step it then has in MLflow
_COUNTS: Counts[Tuple[str, str]] = Counter()


class RecordLog:
    """Mixed into Run, which has `id` and the link."""

    id: str
    _link: Link

    def log(self, name: str, value: Any, description: str = "", step: Optional[int] = None) -> None:
        """One value. Logged again under the same name, the values are a list."""
        self._record("scalar", name, plain(value), description, step)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        self._record("list", name, listed(value), description)

    def log_row(self, name: str, description: Optional[str] = None, **kwargs: Any) -> None:
        """One row; logged again under the same name, the rows are a table."""
        row = {key: plain(value) for key, value in kwargs.items()}
        self._record("row", name, row, description or "")

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """A table as `{column: [values]}`."""
        if not isinstance(value, Mapping):
            raise UserErrorException(f"a table is a dictionary of columns: {value!r}")
        self._record("table", name, columns(value), description)

    def log_image(
        self, name: str, path: Optional[str] = None, plot: Any = None, description: str = ""
    ) -> None:
        """A picture from a file, or what a plotting library has drawn (matplotlib)."""
        if (path is None) == (plot is None):
            raise UserErrorException(f"give either `path` or `plot` for the image `{name}`")
        if path is None:
            drawn = io.BytesIO()
            plot.savefig(drawn, format="png")
            drawn.seek(0)
            self._keep("image", name, ".png", drawn, description)
            return
        with open(path, "rb") as file:
            self._keep("image", name, os.path.splitext(path)[1], file, description)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        self._keep_json("confusion_matrix", name, value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        self._keep_json("accuracy_table", name, value, description)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        self._keep_json("residuals", name, value, description)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        self._keep_json("predictions", name, value, description)

    def _keep_json(self, kind: str, name: str, value: Any, description: str) -> None:
        """Charts come as JSON, or as an object that becomes it, and stay as a file."""
        told = json.dumps(value) if not isinstance(value, str) else value
        json.loads(told)
        self._keep(kind, name, "", io.BytesIO(told.encode("utf-8")), description)

    def _keep(self, kind: str, name: str, extension: str, stream: Any, description: str) -> None:
        """The content as an artifact, and a record of where it is."""
        stamp = f"_{time.time_ns() // 1000}{extension}" if kind == "image" else ""
        artifact = name + stamp
        self._link.upload(f"runs/{self.id}/{artifact}", stream)
        where = f"aml://artifactId/ExperimentRun/dcid.{self.id}/{artifact}"
        self._record(kind, name, where, description)

    def _record(
        self, kind: str, name: str, value: Any, description: str, step: Optional[int] = None
    ) -> None:
        record = {"kind": kind, "key": name, "value": value, "description": description}
        if step is not None:
            record["step"] = step
        elif kind == "scalar":
            record["index"] = _COUNTS[self.id, name]
            _COUNTS[self.id, name] += 1
        records: List[Any] = [record]
        body = {"records": records, "now": time.time_ns() // 1_000_000}
        self._link.call("POST", f"runs/{self.id}/records", body)
