"""`DataPath`: a path on a datastore as the value of a pipeline's parameter."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

from typing import Any, Optional

from .data_reference import DataReference


class DataPath:
    """A datastore and a path on it."""

    def __init__(
        self, datastore: Any = None, path_on_datastore: Optional[str] = None, name: Any = None
    ) -> None:
        self.datastore = datastore
        self.path_on_datastore = path_on_datastore
        self.name = name

    def create_data_reference(
        self, data_reference_name: Optional[str] = None, datapath_compute_binding: Any = None
    ) -> DataReference:
        mode = getattr(datapath_compute_binding, "mode", "mount")
        return DataReference(self.datastore, data_reference_name, self.path_on_datastore, mode)

    def _reference(self) -> str:
        return DataReference(self.datastore, "x", self.path_on_datastore)._reference()


class DataPathComputeBinding:
    """How a DataPath is given to a step."""

    def __init__(
        self, mode: str = "mount", path_on_compute: Optional[str] = None, overwrite: bool = False
    ) -> None:
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite
