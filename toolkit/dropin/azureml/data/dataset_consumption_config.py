"""`DatasetConsumptionConfig`: a dataset under a name that the job knows it by."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import re
from typing import Any, Dict, Optional

from ..exceptions import UserErrorException

_NAME = re.compile(r"[A-Za-z_]\w*")
_MODES = ("direct", "mount", "download")


class DatasetConsumptionConfig:
    """What `dataset.as_named_input(name)` gives."""

    def __init__(
        self, name: str, dataset: Any, mode: str = "direct", path_on_compute: Optional[str] = None
    ) -> None:
        if not _NAME.fullmatch(name):
            raise UserErrorException(
                f"not a name for an input: {name}; letters, digits and `_` only, no digit first"
            )
        if mode not in _MODES:
            raise UserErrorException(f"mode must be one of {', '.join(_MODES)}: {mode}")
        self.name = name
        self.dataset = dataset
        self.mode = mode
        self.path_on_compute = path_on_compute

    def as_mount(self, path_on_compute: Optional[str] = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self.name, self.dataset, "mount", path_on_compute)

    def as_download(self, path_on_compute: Optional[str] = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self.name, self.dataset, "download", path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self.name, self.dataset, "direct")

    def _token(self) -> str:
        return "$" + self.name

    def _is_output(self) -> bool:
        return False

    def _wire(self) -> Dict[str, Any]:
        dataset = self.dataset
        is_parameter = hasattr(dataset, "default_value")
        found = {"parameter": dataset.name} if is_parameter else dataset._reference()
        return {"name": self.name, "reference": found, "mode": self.mode}
