"""Definitions that can stand in another folder: what they name beside themselves made absolute."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from toolkit.specs.yamlfile import YamlFile, load_yaml, plain

# where the schemas of environments, components and pipelines take a path
_PATHS: Final = {"code", "component", "environment", "path", "trial", "additional_includes"}
_NO_PATH: Final = re.compile(r"azureml:|runs:/|[A-Za-z][A-Za-z0-9+.-]+://|.*\$\{\{")


def local_path(file: YamlFile, text: str) -> Path:
    """A path written in `file`, as `az ml` reads it: relative to the file's own folder."""
    told = text.removeprefix("file://") if text.startswith("file:///") else text
    return (file.path.parent / Path(told.removeprefix("file:")).expanduser()).resolve()


def self_contained(file: YamlFile) -> dict[str, Any]:
    """The whole file as JSON can hold it: conda files inside, paths absolute."""
    whole: dict[str, Any] = _resolved(file, plain(file.data))
    return whole


def _resolved(file: YamlFile, node: Any, key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _resolved(file, value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_resolved(file, value, key) for value in node]
    if isinstance(node, str):
        return _text(file, node, key)
    return json.loads(json.dumps(node, default=str))  # YAML knows dates


def _text(file: YamlFile, text: str, key: str) -> Any:
    """Only what is there is a path: `environment: sklearn-1.5` is a name."""
    is_path = key in _PATHS or key == "conda_file"
    if not is_path or not text or (_NO_PATH.match(text) and not text.startswith("file:")):
        return text
    path = local_path(file, text)
    if not path.exists():
        return text
    return plain(load_yaml(path, what="conda file").data) if key == "conda_file" else str(path)
