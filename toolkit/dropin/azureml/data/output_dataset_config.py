"""`OutputFileDatasetConfig`: a folder that a job writes, for other steps or to be registered."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any, Dict, Optional

from .._aml_emu.missing import missing_member
from ..exceptions import UserErrorException

_NAMES = itertools.count()


class OutputFileDatasetConfig:
    """Without a destination it is kept in the run's folder."""

    def __init__(
        self,
        name: Optional[str] = None,
        destination: Any = None,
        source: Optional[str] = None,
        partition_format: Optional[str] = None,
    ) -> None:
        self.name = name or f"output_{next(_NAMES):08x}"
        if not re.fullmatch(r"[A-Za-z_]\w*", self.name):
            raise UserErrorException(f"not a name for an output: {self.name}")
        if source is not None:
            raise UserErrorException(
                "`source` is not emulated: let the script write to the path it is given"
            )
        self.destination = destination
        self.mode = "mount"
        self._register: Optional[str] = None
        self._producer: Any = None  # the step that writes it
        self._origin: Any = self

    def as_mount(self, disable_metadata_cache: bool = False) -> OutputFileDatasetConfig:
        return self._changed(mode="mount")

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> Any:
        return self._changed(mode="upload")

    def register_on_complete(
        self, name: str, description: Optional[str] = None, tags: Any = None, **_kwargs: Any
    ) -> OutputFileDatasetConfig:
        """What it holds becomes a version of a dataset when the job completes."""
        return self._changed(_register=name)

    def as_input(self, name: Optional[str] = None) -> Any:
        """For the steps that read it."""
        from .._aml_emu.wiring import FromOutput  # it knows this class in turn

        return FromOutput(self._origin, self.name, name or self.name, "mount")

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name, "read the files in the script")

    def _changed(self, **changes: Any) -> OutputFileDatasetConfig:
        made = copy.copy(self)
        for key, value in changes.items():
            setattr(made, key, value)
        return made

    def _token(self) -> str:
        return "$AZUREML_DATAREFERENCE_" + self.name

    def _is_output(self) -> bool:
        return True

    def _wire(self) -> Dict[str, Any]:
        found: Dict[str, Any] = {"name": self.name, "register": self._register, "mode": self.mode}
        if self.destination is not None:
            given = self.destination
            datastore, path = given if isinstance(given, tuple) else (given, "")
            inside = path.replace("{output-name}", self.name).strip("/")
            found["path"] = f"azureml://datastores/{datastore.name}/paths/{inside}"
        return found
