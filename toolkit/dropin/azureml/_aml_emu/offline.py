"""The run of a script that is in none: it prints what would have been logged.

It has fewer methods than a submitted run, as the SDK's own has: scripts are tested against that.
"""

from __future__ import annotations

import uuid
from typing import Any, Mapping, Optional, Sequence


class OfflineRun:
    """What `Run.get_context()` gives outside of a run."""

    def __init__(self, run_id: Optional[str] = None, parent: Optional[str] = None) -> None:
        if parent is None:
            self._run_id = run_id or f"OfflineRun_{uuid.uuid4()}"
        else:
            self._run_id = f"{parent}.{run_id or uuid.uuid4()}"

    @property
    def id(self) -> str:
        return self._run_id

    def log(self, name: str, value: Any, description: str = "") -> None:
        _metric("scalar", name, value)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        _metric("list", name, value)

    def log_row(self, name: str, description: Optional[str] = None, **kwargs: Any) -> None:
        _metric("row", name, kwargs)

    def log_table(self, name: str, value: Any, description: str = "") -> None:
        _metric("table", name, value)

    def log_image(
        self, name: str, path: Any = None, plot: Any = None, description: str = ""
    ) -> None:
        _metric("image", name, path if path is not None else plot)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        _metric("confusion matrix", name, value)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        _metric("accuracy table", name, value)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        _metric("residuals", name, value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        _metric("predictions", name, value)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: Any = None) -> None:
        print(f"Attempted to track file {name} at {path_or_stream}")

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[str],
        return_artifacts: bool = False,
        timeout_seconds: Optional[int] = None,
        datastore_name: Any = None,
    ) -> None:
        print(f"Attempted to track files {names} at {paths} with timeout {timeout_seconds}s")

    def upload_folder(self, name: str, path: str, datastore_name: Any = None) -> None:
        print(f"Attempted to track folder {name} at {path}")

    def tag(self, key: str, value: Any = None) -> None:
        print(f"Attempted to add tag {key} with value {value}")

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        print(f"Attempted to set tags {tags}")

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        print(f"Attempted to add properties {properties}")

    def child_run(
        self, name: Optional[str] = None, run_id: Optional[str] = None, outputs: Any = None
    ) -> OfflineRun:
        return OfflineRun(run_id or name, parent=self._run_id)

    def flush(self, timeout_seconds: float = 300) -> None:
        print(f"Attempted to flush run with id {self._run_id}")

    def complete(self, _set_status: bool = True) -> None:
        """Nothing is there to be completed."""

    def fail(
        self, error_details: Any = None, error_code: Optional[str] = None, _set_status: bool = True
    ) -> None:
        print(f"Run failed with error code {error_code}:\n{error_details}")

    def cancel(self) -> None:
        """Nothing is there to be cancelled."""

    def __enter__(self) -> OfflineRun:
        print(f"[START] Run {self._run_id} context")
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        print(f"[STOP] Run {self._run_id} context")


# scripts look at `run.__class__.__name__` to find out whether they are in a run
OfflineRun.__name__ = OfflineRun.__qualname__ = "_OfflineRun"


def _metric(kind: str, name: str, value: Any) -> None:
    print(f"Attempted to log {kind} metric {name}:\n{value}")
