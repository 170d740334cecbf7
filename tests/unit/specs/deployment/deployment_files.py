"""A deployment that Azure would take, to be changed by tests."""

from __future__ import annotations

from pathlib import Path

from tests.project import Tree, write_tree

BLUE = """
name: blue
endpoint_name: iris
model:
  name: iris
  version: "3"
  path: model
code_configuration:
  code: code
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/minimal-py311-inference:latest
  conda_file: env.yml
instance_type: Standard_DS3_v2
instance_count: 2
"""
FILES: Tree = {
    "code": {"score.py": "def init():\n    pass\n\ndef run(data):\n    return data\n"},
    "model": {"weights.txt": "42\n"},
    "env.yml": "name: tiny\ndependencies:\n  - python=3.11\n",
}


def write_deployment(folder: Path, text: str = BLUE, files: Tree | None = None) -> Path:
    """The file, and what it names beside it."""
    write_tree(folder, {**FILES, **(files or {}), "blue.yml": text})
    return folder / "blue.yml"


def changed(old: str, new: str) -> str:
    assert old in BLUE, f"not in the deployment: {old}"
    return BLUE.replace(old, new)
