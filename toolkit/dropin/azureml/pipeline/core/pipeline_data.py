"""`PipelineData`: what one step writes and others read. The script itself makes the folder."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional

from ..._aml_emu.missing import missing_member
from ..._aml_emu.wiring import FromOutput
from ...exceptions import UserErrorException

_MODES = ("mount", "upload")


class PipelineData:
    """In `inputs` of a step it is read, in `outputs` (or its arguments alone) written."""

    def __init__(
        self,
        name: str,
        datastore: Any = None,
        output_name: Optional[str] = None,
        output_mode: str = "mount",
        output_path_on_compute: Optional[str] = None,
        output_overwrite: Any = None,
        data_type: Optional[str] = None,
        is_directory: Optional[bool] = None,
        pipeline_output_name: Optional[str] = None,
        training_output: Any = None,
        **_kwargs: Any,
    ) -> None:
        if not re.fullmatch(r"\w+", name):
            raise UserErrorException(
                f"PipelineData name can only contain alphanumeric characters and underscores: "
                f"{name}"
            )
        if output_mode not in _MODES:
            raise UserErrorException(f"output_mode must be mount or upload: {output_mode}")
        self.name = name
        self.datastore = datastore
        self.output_name = output_name or name
        self.pipeline_output_name = pipeline_output_name
        self._mode = output_mode
        self._producer: Any = None

    def as_input(self, input_name: str) -> FromOutput:
        return FromOutput(self, self.output_name, input_name, "mount")

    def as_dataset(self) -> PipelineDataset:
        return PipelineDataset(self)

    def as_mount(self) -> PipelineData:
        return self

    def as_download(self, *_args: Any, **_kwargs: Any) -> FromOutput:
        return FromOutput(self, self.output_name, self.name, "download")

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return f"$AZUREML_DATAREFERENCE_{self.name}"

    def _token(self) -> str:
        return "$AZUREML_DATAREFERENCE_" + self.output_name

    def _is_output(self) -> bool:
        return True

    def _as_read(self) -> FromOutput:
        return self.as_input(self.name)

    def _wire(self) -> Dict[str, Any]:
        return {"name": self.output_name, "mode": self._mode, "is_open": True}


class PipelineDataset:
    """PipelineData as a dataset: it can be named, and given to a ParallelRunStep."""

    def __init__(self, data: PipelineData) -> None:
        self._data = data

    def as_named_input(self, name: str) -> FromOutput:
        return self._data.as_input(name)

    def parse_delimited_files(self, *_args: Any, **_kwargs: Any) -> Any:
        raise missing_member(self, "parse_delimited_files", "read the files in the script")

    def parse_parquet_files(self, *_args: Any, **_kwargs: Any) -> Any:
        raise missing_member(self, "parse_parquet_files", "read the files in the script")
