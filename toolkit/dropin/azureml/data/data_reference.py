"""`DataReference`: a path on a datastore, as an input or (with `upload`) an output of a job."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional

from ..exceptions import UserErrorException

_MODES = ("mount", "download", "upload")


class DataReference:
    """Where the job finds it is said by `AZUREML_DATAREFERENCE_<name>`."""

    def __init__(
        self,
        datastore: Any,
        data_reference_name: Optional[str] = None,
        path_on_datastore: Optional[str] = None,
        mode: str = "mount",
        path_on_compute: Optional[str] = None,
        overwrite: bool = False,
    ) -> None:
        if mode not in _MODES:
            raise UserErrorException(f"mode must be one of {', '.join(_MODES)}: {mode}")
        self.datastore = datastore
        self.path_on_datastore = (path_on_datastore or "").strip("/")
        given = data_reference_name or self.path_on_datastore or datastore.name
        self.data_reference_name = re.sub(r"\W", "_", given)
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    def as_mount(self) -> DataReference:
        return self._with("mount")

    def as_download(self, path_on_compute: Optional[str] = None, overwrite: bool = False) -> Any:
        return self._with("download")

    def as_upload(self, path_on_compute: Optional[str] = None, overwrite: bool = False) -> Any:
        return self._with("upload")

    def path(self, path: Optional[str] = None, data_reference_name: Optional[str] = None) -> Any:
        inside = "/".join(filter(None, (self.path_on_datastore, path)))
        return DataReference(self.datastore, data_reference_name, inside, self.mode)

    def __str__(self) -> str:
        return self._token()

    def _with(self, mode: str) -> DataReference:
        return DataReference(self.datastore, self.data_reference_name, self.path_on_datastore, mode)

    def _token(self) -> str:
        return "$AZUREML_DATAREFERENCE_" + self.data_reference_name

    def _reference(self) -> str:
        return f"azureml://datastores/{self.datastore.name}/paths/{self.path_on_datastore}"

    def _is_output(self) -> bool:
        return self.mode == "upload"

    def _wire(self) -> Dict[str, Any]:
        if self._is_output():
            return {"name": self.data_reference_name, "path": self._reference()}
        return {
            "name": self.data_reference_name,
            "reference": self._reference(),
            "mode": self.mode,
        }
