"""Packages of the SDK that are not here: each can be imported, and no name can be taken from it.

So that the error names the class that a script wants, and says what to use. What is installed under
such a name is found before.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Dict, Optional

from .lazy import lazily

_AZURE = "it works with services of Azure only"
_SCRIPT = "use `ScriptRunConfig` with an `Environment`"
ABSENT: Dict[str, str] = {
    "accel": _AZURE,
    "automl": _AZURE,
    "contrib": "its successor, if it has one, is in `azureml.core` or `azureml.pipeline`",
    "core.image": "use `Model.package` with an `InferenceConfig`",
    "datadrift": _AZURE,
    "dataprep": "use `Dataset` with pandas",
    "explain": "install the package `interpret-community` and use it by itself",
    "interpret": "install the package `interpret-community` and use it by itself",
    "opendatasets": "download the files and use `Dataset.File.from_files`",
    "pipeline.core.schedule": "there is no scheduler here: start the pipeline when it is wanted",
    "studio": _AZURE,
    "synapse": _AZURE,
    "tensorboard": "read the logs of the run with TensorBoard itself",
    "train": _SCRIPT,
    "train.automl": _AZURE,
    "train.dnn": _SCRIPT,
    "train.estimator": _SCRIPT,
    "train.hyperdrive": "write a v2 sweep job, which `aml-emu run` runs",
    "train.sklearn": _SCRIPT,
}


class Absent(MetaPathFinder, Loader):
    """Asked last, for what nothing else has."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, fullname: str, path: Any = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if self._advice(fullname) is None:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return None

    def exec_module(self, module: ModuleType) -> None:
        advice = self._advice(module.__name__) or ""
        vars(module)["__getattr__"] = lazily(module.__name__, {}, _Always(advice))

    def _advice(self, fullname: str) -> Optional[str]:
        """Of the nearest package that is known to be absent."""
        package, _, inside = fullname.partition(self._package + ".")
        while not package and inside:
            if inside in ABSENT:
                return ABSENT[inside]
            inside = inside.rpartition(".")[0]
        return None


class _Always(Dict[str, str]):
    """The same advice for every name."""

    def __init__(self, advice: str) -> None:
        super().__init__()
        self._advice = advice

    def get(self, key: str, default: Any = None) -> Any:
        return self._advice


def watch_for(package: str) -> None:
    """From now on; once for a package."""
    if not any(isinstance(each, Absent) and each._package == package for each in sys.meta_path):  # noqa: SLF001  # its own class
        sys.meta_path.append(Absent(package))
