"""What an output's `path` may say that is only known when it is written. A value; reads nothing.

See "Expressions in Azure Machine Learning SDK and CLI v2": in a pipeline, `${{name}}` is the name
of the step's job, not that of the pipeline's.
"""

from __future__ import annotations

import re
from typing import Final

DEFAULT_DATASTORE: Final = "workspaceblobstore"
_DATASTORE: Final = re.compile(r"\$\{\{\s*default_datastore\s*\}\}")
_NAMES: Final = re.compile(r"\$\{\{\s*(name|output_name)\s*\}\}")


def with_datastore(written: str, datastore: str | None = None) -> str:
    """`datastore` is the one that a pipeline's settings name, as they write it."""
    name = (datastore or DEFAULT_DATASTORE).removeprefix("azureml:")
    return _DATASTORE.sub(lambda _: name, written)


def with_names(written: str, *, run: str, output: str) -> str:
    known = {"name": run, "output_name": output}
    return _NAMES.sub(lambda found: known[found[1]], written)


def is_of_its_run(written: str) -> bool:
    """Whether no other run writes there."""
    return any(found[1] == "name" for found in _NAMES.finditer(written))
