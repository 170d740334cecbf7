"""Findings that outlive the container: for whom they count, and what may have become of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.runtime.contract import read_contract
from toolkit.runtime.remembered import FOLDER, Remembered

FINDINGS: dict[str, Any] = {"modules": {"numpy": []}, "left_out": {"torch": "starts threads"}}


def remembered(folder: Path, **changes: Any) -> Remembered:
    packages, models = folder / "site-packages", folder / "model"
    for each in (packages / "numpy-1.0.dist-info", models):
        each.mkdir(parents=True, exist_ok=True)
    environ = {"PYTHONPYCACHEPREFIX": str(folder / "cache"), "AZUREML_MODEL_DIR": str(models)}
    about = {"wanted": {"numpy": []}, "python": "/python", "path": [str(packages), "/absent"]}
    return Remembered(read_contract(environ), **{**about, **changes})


def test_what_is_kept_is_taken_once(tmp_path: Path) -> None:
    remembered(tmp_path).keep(FINDINGS)
    assert remembered(tmp_path).take() == FINDINGS
    # A start that died of it would find it again.
    assert remembered(tmp_path).take() is None
    assert list((tmp_path / "cache" / FOLDER).iterdir()) == []


@pytest.mark.parametrize("change", [{"wanted": {"numpy": ["random"]}}, {"python": "/other"}])
def test_it_counts_for_the_same_imports_and_interpreter(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    remembered(tmp_path).keep(FINDINGS)
    assert remembered(tmp_path, **change).take() is None


@pytest.mark.parametrize("name", ["site-packages/numpy-2.0.dist-info", "model/iris.joblib"])
def test_it_counts_for_the_same_packages_and_models(tmp_path: Path, name: str) -> None:
    remembered(tmp_path).keep(FINDINGS)
    (tmp_path / name).mkdir() if name.startswith("site") else (tmp_path / name).write_text("x")
    assert remembered(tmp_path).take() is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"modules": {}}'])
def test_a_broken_file_is_no_finding(tmp_path: Path, text: str) -> None:
    remembered(tmp_path).keep(FINDINGS)
    (file,) = (tmp_path / "cache" / FOLDER).iterdir()
    file.write_text(text)
    assert remembered(tmp_path).take() is None


def test_without_a_cache_or_with_one_that_is_closed_nothing_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Remembered(read_contract({}), wanted={}, python="", path=[])
    nowhere.keep(FINDINGS)
    assert nowhere.take() is None
    assert capsys.readouterr().err == ""
    (tmp_path / "cache").write_text("a file where a folder should be")
    remembered(tmp_path).keep(FINDINGS)
    assert "cannot remember what to preload" in capsys.readouterr().err
    assert remembered(tmp_path).take() is None
