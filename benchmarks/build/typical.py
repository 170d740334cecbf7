"""The environment that both sides build: what a small scikit-learn deployment asks for."""

from __future__ import annotations

from pathlib import Path

PYTHON = "3.11"
PACKAGES = (
    "azureml-inference-server-http==1.5.1",
    "debugpy==1.8.17",
    "numpy==2.3.5",
    "pandas==2.3.3",
    "scikit-learn==1.7.2",
)
# small, pure Python, of no dependencies: one of them is "one line more"
FURTHER = ("six==1.17.0", "toolz==1.0.0", "pyjokes==0.8.3", "xmltodict==0.14.2", "tabulate==0.9.0")
SCORE = """\
from importlib.metadata import distributions

import pandas
import sklearn


def init():
    pass


def run(raw_data):
    return sorted(each.metadata["Name"] for each in distributions())
"""


def write_project(folder: Path, name: str, *further: str) -> None:
    """`env.yml` and `score.py`, with further packages.

    The environment's name is a part of its path in the image: with a name that nobody has used,
    no layer of an earlier benchmark fits.
    """
    (folder / ".aml-emu").mkdir(parents=True, exist_ok=True)  # marks the folder as the project
    lines = "".join(f"      - {package}\n" for package in (*PACKAGES, *further))
    (folder / "env.yml").write_text(
        f"name: {name}\ndependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n{lines}"
    )
    (folder / "score.py").write_text(SCORE)


def requirements(*further: str) -> bytes:
    return "".join(f"{package}\n" for package in (*PACKAGES, *further)).encode()
