"""Which imports of the user's code are third-party, read without importing any of it."""

from __future__ import annotations

from pathlib import Path

from toolkit.runtime.imports import third_party_imports


def found(folder: Path, **files: str) -> dict[str, list[str]]:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return third_party_imports(str(folder / "score.py"), [str(folder)])


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
    assert third_party_imports(str(tmp_path / "absent.py"), [str(tmp_path)]) == {}
