"""The real `azureml-core` in the same interpreter: this package is used, and none of that one."""

from __future__ import annotations

import os
import sys
from typing import Iterable, List

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def apart(folders: Iterable[str]) -> List[str]:
    """The package's path without folders of the real SDK, whose modules expect their own `core`.

    Other packages of the name stay: `azureml-mlflow` and the like, where there is no SDK.
    """
    found = list(folders)
    real = [folder for folder in found if _is_real(folder)]
    for folder in real:
        sys.stderr.write(
            f"aml-emu: the real azureml-core is installed too, in {folder}: this script uses "
            "aml-emu's `azureml` and nothing of that folder. To run it against Azure, start it "
            "without `aml-emu python`; to have no such mixture, use an environment without "
            "azureml-core (`--python PATH`)\n"
        )
    return [folder for folder in found if folder not in real]


def _is_real(folder: str) -> bool:
    is_own = os.path.realpath(folder) == os.path.realpath(_OWN)
    return not is_own and os.path.isfile(os.path.join(folder, "core", "__init__.py"))
