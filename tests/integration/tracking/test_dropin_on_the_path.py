"""The drop-in as a job finds it: at the end of the path, beside other packages of that name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.project import Tree, write_tree
from toolkit.plans.dropin import dropin_source


def python(code: str, *path: Path) -> str:
    """What a fresh interpreter prints that has these folders behind all that is installed."""
    begin = f"import sys; sys.path += {[str(folder) for folder in path]!r}\n"
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [sys.executable, "-c", begin + code],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_names_are_loaded_when_they_are_asked_for() -> None:
    loaded = python(
        "import azureml.core\n"
        "print([n for n in sys.modules if n.startswith('azureml.core.')])\n"
        "from azureml.core import Run, Workspace, Experiment, Model, Dataset, Datastore\n"
        "from azureml.core.run import Run as Same\n"
        "from azureml.core.model import Model\n"
        "print(Run is Same, Run.get_context().id[:10])",
        dropin_source(),
    )
    assert loaded == "[]\nTrue OfflineRun\n".replace("OfflineRun", "OfflineRun"[:10])


def test_it_joins_another_azureml_package(tmp_path: Path) -> None:
    """`azureml-mlflow` and its like bring an `azureml/__init__.py` of the pkgutil kind."""
    extends = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
    write_tree(tmp_path, {"azureml": {"__init__.py": extends, "other": {"__init__.py": "a = 1"}}})
    code = "import azureml.other; from azureml.core import Run; print(azureml.other.a, Run)"
    for order in ((tmp_path, dropin_source()), (dropin_source(), tmp_path)):
        assert python(code, *order).startswith("1 <class 'azureml.core.run.Run'>")


def test_the_real_package_wins(tmp_path: Path) -> None:
    real: Tree = {"azureml": {"__init__.py": "", "core": {"__init__.py": "Run = 'real'"}}}
    write_tree(tmp_path, real)
    assert python("from azureml.core import Run; print(Run)", tmp_path, dropin_source()) == "real\n"


def test_a_name_that_is_not_here_says_so() -> None:
    printed = python(
        "try:\n    from azureml.core import Image\nexcept ImportError as error:\n    print(error)",
        dropin_source(),
    )
    assert "`azureml.core.Image` is not part of aml-emu's azureml" in printed
    assert "docs/reference/v1-compatibility.md" in printed
