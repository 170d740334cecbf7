"""What `az ml data|model|environment|component create -f` takes, as one value. Reads files only.

The keys are those of data.schema.json and model.schema.json of Azure ML's CLI (v2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.specs.asset_kind import AssetKind, asset_kind
from toolkit.specs.asset_paths import local_path, self_contained
from toolkit.specs.component import component_of
from toolkit.specs.environment.asset import asset_environment
from toolkit.specs.includes import KEY as INCLUDES
from toolkit.specs.includes import absolute_includes
from toolkit.specs.yamlfile import YamlFile, any_case, load_yaml, nearest_file, parse

_ELSEWHERE: Final = re.compile(r"azureml:|runs:/|[A-Za-z][A-Za-z0-9+.-]+://")
# the file that makes a folder what its type says
_MARKS: Final = {"mlflow_model": "MLmodel", "mltable": "MLTable"}


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    schema_: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    version: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    path: str
    datastore: str | None = None


class DataFile(_Keys):
    """The keys of a data asset."""

    _any_case = field_validator("type", mode="before")(any_case)

    type: Literal["uri_file", "uri_folder", "mltable"] = "uri_folder"
    skip_validation: bool | None = None
    auto_delete_setting: dict[str, Any] | None = None


class ModelFile(_Keys):
    """The keys of a model."""

    _any_case = field_validator("type", mode="before")(any_case)

    type: Literal["custom_model", "mlflow_model", "triton_model"] = "custom_model"
    flavors: dict[str, Any] | None = None
    stage: str | None = None


@dataclass(frozen=True, kw_only=True)
class Asset:
    """An asset as its file says it. Without a `version` it is to get the next one.

    Data and models have a `path` on this machine or a `uri` of what lies elsewhere; environments
    and components are their `definition`, which needs no file beside it but code.
    """

    kind: AssetKind
    file: YamlFile
    name: str | None
    version: str | None
    type: str
    path: Path | None = None
    uri: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)


def load_asset(path: Path, *, kind: AssetKind | None = None) -> Asset:
    """Raises SpecError with `path:line` for what is no asset, or does not say properly which.

    A `kind` that is given overrides what the file looks like.
    """
    file = load_yaml(path, what="asset file")
    match kind or asset_kind(file):
        case "data":
            return _of_keys(file, "data", parse(DataFile, file, what="a data asset"))
        case "model":
            return _of_keys(file, "model", parse(ModelFile, file, what="a model"))
        case "environment":
            asset_environment(file)
            return _defined(file, "environment", type_="")
        case "component":
            component = component_of(file)
            return _defined(file, "component", type_=component.type)


def _of_keys(file: YamlFile, kind: AssetKind, spec: DataFile | ModelFile) -> Asset:
    elsewhere = _ELSEWHERE.match(spec.path) and not spec.path.startswith("file:")
    path = None if elsewhere else _existing(file, spec)
    return Asset(
        kind=kind,
        file=file,
        name=spec.name,
        version=spec.version,
        type=spec.type,
        path=path,
        uri="" if path else spec.path,
        description=spec.description or "",
        tags=_texts(spec.tags),
        properties=_texts(spec.properties),
    )


def _existing(file: YamlFile, spec: DataFile | ModelFile) -> Path:
    """The path on this machine, if it is what the type says."""
    path = local_path(file, spec.path)
    if not path.exists():
        raise file.error(("path",), f"nothing is there: {path}", hint=nearest_file(path))
    if problem := type_problem(spec.type, path):
        raise file.error(("path",), problem)
    return path


def type_problem(type_: str, path: Path) -> str:
    """Why what lies there is not of that type; empty if it may be."""
    wants_file, wants_folder = type_ == "uri_file", type_ in {"uri_folder", "triton_model", *_MARKS}
    if wants_file and path.is_dir():
        return f"`{type_}` is a file, this is a folder: {path}"
    if wants_folder and path.is_file():
        return f"`{type_}` is a folder, this is a file: {path}"
    mark = _MARKS.get(type_)
    if mark and not (path / mark).is_file():
        return f"`{type_}` needs a file `{mark}` in its folder: {path}"
    return ""


def _defined(file: YamlFile, kind: AssetKind, *, type_: str) -> Asset:
    definition = self_contained(file)
    if kind == "component" and (includes := absolute_includes(file)):
        definition[INCLUDES] = includes
    told = definition.get
    return Asset(
        kind=kind,
        file=file,
        name=None if told("name") is None else str(told("name")),
        version=None if told("version") is None else str(told("version")),
        type=type_,
        description=str(told("description") or ""),
        tags=_texts(told("tags") or {}),
        properties=_texts(told("properties") or {}),
        definition=definition,
    )


def _texts(written: Mapping[str, Any]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in written.items()}
