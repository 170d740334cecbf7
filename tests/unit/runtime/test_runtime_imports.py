"""Which imports of the user's code are third-party, read without importing any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.runtime.imports import Imports, imports_of


def found(folder: Path, **files: str) -> dict[str, list[str]]:
    return searched(folder, **files).wanted


def searched(folder: Path, **files: str) -> Imports:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return imports_of(str(folder / "score.py"), [str(folder)])


def test_follows_the_users_modules_and_lists_the_rest(tmp_path: Path) -> None:
    wanted = found(
        tmp_path,
        score="import helper, numpy\nfrom sklearn import svm, linear_model\n",
        helper="import pandas as pd\nfrom package.deep import thing\n",
        package__deep="from . import sibling\nimport xgboost.sklearn\n",
        package__sibling="import joblib\n",
    )
    assert wanted == {
        "pandas": [],
        "xgboost.sklearn": [],
        "joblib": [],
        "numpy": [],
        "sklearn": ["svm", "linear_model"],
    }


def test_finds_imports_inside_functions_but_not_those_for_type_checkers(tmp_path: Path) -> None:
    wanted = found(
        tmp_path,
        score=(
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import torch\nelse:\n    import onnx\n"
            "def run(data):\n"
            "    try:\n        import scipy\n    except ImportError:\n        pass\n"
        ),
    )
    assert wanted == {"typing": ["TYPE_CHECKING"], "onnx": [], "scipy": []}


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    assert found(tmp_path, score="import a", a="import b", b="import a, re") == {"re": []}


def test_code_that_does_not_parse_or_is_missing_wants_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, score="import (\n") == {}
    assert imports_of(str(tmp_path / "absent.py"), [str(tmp_path)]).wanted == {}


@pytest.mark.parametrize(
    "change",
    [
        'os.environ["OMP_NUM_THREADS"] = "1"',
        'os.environ["A"] += "1"',
        'del os.environ["A"]',
        'environ.setdefault("A", "1")',
        'os.environ.update(A="1")',
        'os.putenv("A", "1")',
        "dotenv.load_dotenv()",
        'if True:\n    os.environ["A"] = "1"',
    ],
)
def test_imports_after_a_change_of_the_environment_are_late(tmp_path: Path, change: str) -> None:
    text = f"import os, json\n{change}\nimport numpy\nimport json\ndef f():\n    import scipy\n"
    imports = searched(tmp_path, score=text)
    assert imports.changes_environment
    assert (set(imports.wanted), set(imports.late)) == ({"os", "json"}, {"numpy", "scipy"})


@pytest.mark.parametrize(
    "text",
    ['import os\nA = os.environ["A"]\nimport numpy\n', "import numpy\nA = {}\nA[1] = 2\n",
     'import os\nos.environ.get("A")\nimport numpy\n',
     'import os\ndef init():\n    os.environ["A"] = "1"\nimport numpy\n'],
)  # fmt: skip
def test_reading_the_environment_makes_nothing_late(tmp_path: Path, text: str) -> None:
    imports = searched(tmp_path, score=text)
    assert not imports.changes_environment
    assert "numpy" in imports.wanted
    assert imports.late == {}


def test_a_change_in_the_users_own_module_counts_from_there_on(tmp_path: Path) -> None:
    imports = searched(
        tmp_path,
        score="import numpy\nimport settings\nimport torch\n",
        settings='import os\nos.environ["A"] = "1"\n',
    )
    assert (set(imports.wanted), set(imports.late)) == ({"numpy", "os"}, {"torch"})
