"""`run.input_datasets`: what the job's environment says of the datasets it was given."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, Mapping

from ..exceptions import UserErrorException

_LIST = "AZUREML_DATASET_ENVIRONMENT_VARS"


class InputDatasets(Mapping[str, Any]):
    """By name: the path of a mounted or downloaded one, a dataset where it is passed directly."""

    def __init__(self, workspace: Any) -> None:
        self._workspace = workspace
        entries = (entry for entry in os.environ.get(_LIST, "").split(",") if entry)
        self._modes: Dict[str, str] = dict(_name_and_mode(entry) for entry in entries)

    def __getitem__(self, name: str) -> Any:
        if name not in self._modes:
            known = ", ".join(self._modes) or "none"
            raise UserErrorException(
                f"Input dataset {name} is not part of this run; there is: {known}"
            )
        value = os.environ.get(name) or os.environ["AZUREML_DATAREFERENCE_" + name]
        if self._modes[name] != "direct":
            return value
        from ..core.dataset import Dataset  # only direct ones need it

        return Dataset.get_by_id(self._workspace, value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modes)

    def __len__(self) -> int:
        return len(self._modes)


def _name_and_mode(entry: str) -> Any:
    name, _, mode = entry.partition(":")
    return name, mode.lower()
