"""Which kind of asset a file describes: its `$schema` says so, else its `type`, else its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from toolkit.specs.yamlfile import YamlFile

AssetKind = Literal["data", "model", "environment", "component"]

_SCHEMA: Final = re.compile(r"(?P<name>\w+)\.schema\.json")
_SCHEMAS: Final[Mapping[str, AssetKind]] = {
    "data": "data",
    "model": "model",
    "environment": "environment",
    "commandcomponent": "component",
    "parallelcomponent": "component",
    "pipelinecomponent": "component",
    "sparkcomponent": "component",
}
_TYPES: Final[Mapping[str, AssetKind]] = {
    "uri_file": "data",
    "uri_folder": "data",
    "mltable": "data",
    "custom_model": "model",
    "mlflow_model": "model",
    "triton_model": "model",
}
_COMMANDS: Final = {
    "job": "run it: `aml-emu run FILE`",
    "deployment": "deploy it: `aml-emu deploy FILE`",
    "endpoint": "deploy to it: `aml-emu deploy DEPLOYMENT --endpoint FILE`",
}


def asset_kind(file: YamlFile) -> AssetKind:
    """Raises SpecError with `path:line` if the file does not say."""
    keys: Mapping[str, Any] = file.data if isinstance(file.data, dict) else {}
    if schema := _SCHEMA.search(str(keys.get("$schema", ""))):
        return _of_schema(file, schema["name"])
    type_ = str(keys.get("type", "")).lower()
    if type_ in _TYPES:
        return _TYPES[type_]
    if type_ in {"command", "pipeline", "parallel"} or "task" in keys:
        return _component_or_job(file, keys)
    if {"image", "conda_file", "build"} & set(keys):
        return "environment"
    if "command" in keys or "jobs" in keys:
        return _component_or_job(file, keys)
    raise file.error(
        ("type",),
        "data, a model, an environment or a component?",
        hint="write its `type` or its `$schema`, or give `--kind`",
    )


def _of_schema(file: YamlFile, name: str) -> AssetKind:
    kind = _SCHEMAS.get(name.lower())
    if kind is not None:
        return kind
    hints = (hint for word, hint in _COMMANDS.items() if name.lower().endswith(word))
    raise file.error(
        ("$schema",),
        f"no asset that can be registered: `{name}`",
        hint=next(hints, "data, model, environment and component files can be registered"),
    )


def _component_or_job(file: YamlFile, keys: Mapping[str, Any]) -> AssetKind:
    """A component declares the types of its inputs; a job gives their values."""
    given = keys.get("inputs") or {}
    declares = all(isinstance(one, dict) and "path" not in one for one in given.values())
    job_only = {"experiment_name", "compute", "limits", "services"} & set(keys)
    if not declares or job_only or "name" not in keys:
        raise file.error(
            (), "looks like a job, not like a component", hint=f"{_COMMANDS['job']}, or `--kind`"
        )
    return "component"
