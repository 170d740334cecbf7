"""MLflow's model versions as the workspace's model assets, registered from what runs logged."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from toolkit.live.tracking import logged_models
from toolkit.live.tracking.artifacts import Artifacts, check_no_way_out
from toolkit.live.tracking.call import Answer, Call, pairs
from toolkit.live.tracking.failures import invalid
from toolkit.live.tracking.search import LookUp, in_order, matches, page, parse_filter, parse_order
from toolkit.live.tracking.shapes import MODEL_ARTIFACTS, RUN_ARTIFACTS, key_values, milliseconds
from toolkit.workspace.model import AssetVersion, NewAsset
from toolkit.workspace.references import LATEST
from toolkit.workspace.workspace import Workspace

_PAGE: Final = 10_000
_OF_RUN: Final = re.compile(rf"(?:{RUN_ARTIFACTS}/|runs:/)(?P<run>[^/]+)/?(?P<path>.*)")
_HTTP_OF_RUN: Final = re.compile(
    r"https?://[^/]+/api/2\.0/mlflow-artifacts/artifacts/runs/(?P<run>[^/]+)/?(?P<path>.*)"
)
_LOGGED: Final = re.compile(r"models:/(?P<model>m-[0-9a-f]+)/?")
_VERSION: Final = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<number>[^/@]+)|(?P<label>@[^/@]+))")
_SOURCE: Final = "mlflow.source"
_MODEL_ID: Final = "mlflow.model_id"


def create(call: Call) -> Answer:
    """Copy what `source` names into the workspace, as the next version of that name."""
    source = call.text("source")
    model_id = call.optional("model_id") or ""
    if match := _LOGGED.fullmatch(source):
        model_id = match["model"]
    found, run = _origin(call.workspace, source)
    version = call.workspace.assets.register(
        NewAsset(
            kind="model",
            name=call.text("name"),
            type=model_type(found),
            path=found,
            copied=True,
            description=call.optional("description") or "",
            tags=pairs(call.objects("tags")),
            properties={_SOURCE: source, **({_MODEL_ID: model_id} if model_id else {})},
            source_run=call.optional("run_id") or run,
        )
    )
    return {"model_version": version_json(version)}


def get(call: Call) -> Answer:
    return {"model_version": version_json(_version(call))}


def update(call: Call) -> Answer:
    found = _version(call)
    description = call.optional("description") or ""
    changed = call.workspace.assets.update(
        "model", found.name, found.version, description=description
    )
    return {"model_version": version_json(changed)}


def delete(call: Call) -> Answer:
    found = _version(call)
    call.workspace.assets.delete("model", found.name, found.version)
    return {}


def transition(call: Call) -> Answer:
    """Refused: Azure ML has no stages; aliases do what they did."""
    found = _version(call)
    raise invalid(
        f"Azure ML has no stages: give `{found.name}` version {found.version} an alias instead"
    )


def download_uri(call: Call) -> Answer:
    found = _version(call)
    if found.path is None:
        raise invalid(f"the model `{found.name}:{found.version}` is not here, it is {found.uri}")
    return {"artifact_uri": _uri(found)}


def search(call: Call) -> Answer:
    """The documented filters; newest first without an order."""
    comparisons = parse_filter(call.optional("filter") or "")
    orders = parse_order(call.texts("order_by"))
    there = call.workspace.assets.list("model")
    found = [version for version in there if matches(comparisons, _look_up(version))]
    versions, following = page(
        in_order(found, orders, _look_up),
        token=call.optional("page_token"),
        size=call.number("max_results", _PAGE),
    )
    answer: dict[str, Any] = {"model_versions": [version_json(version) for version in versions]}
    return {**answer, "next_page_token": following} if following else answer


def set_tag(call: Call) -> Answer:
    found = _version(call)
    tags = {**found.tags, call.text("key"): call.optional("value") or ""}
    call.workspace.assets.update("model", found.name, found.version, tags=tags)
    return {}


def delete_tag(call: Call) -> Answer:
    found = _version(call)
    key = call.text("key")
    tags = {name: value for name, value in found.tags.items() if name != key}
    call.workspace.assets.update("model", found.name, found.version, tags=tags)
    return {}


def model_folder(artifacts: Artifacts, path: str) -> Path:
    """What a run has under that name, fit to be copied."""
    found = artifacts.find(path)
    check_no_way_out(found)
    return found


def model_type(path: Path) -> str:
    """What Azure ML calls it: `mlflow_model` for a folder that says so itself."""
    return "mlflow_model" if (path / "MLmodel").is_file() else "custom_model"


def version_json(version: AssetVersion) -> dict[str, Any]:
    aliases = sorted(version.labels - {LATEST})
    return {
        "name": version.name,
        "version": version.version,
        "creation_timestamp": milliseconds(version.created),
        "last_updated_timestamp": milliseconds(version.created),
        "user_id": getpass.getuser(),
        "current_stage": "None",
        "description": version.description,
        "source": version.properties.get(_SOURCE, _uri(version)),
        "run_id": version.source_run or "",
        "status": "READY",
        "tags": key_values(version.tags),
        "aliases": aliases,
        "model_id": version.properties.get(_MODEL_ID, ""),
    }


def _uri(version: AssetVersion) -> str:
    return f"{MODEL_ARTIFACTS}/{version.name}/{version.version}"


def _version(call: Call) -> AssetVersion:
    return call.workspace.assets.get("model", f"{call.text('name')}:{call.text('version')}")


def _origin(workspace: Workspace, source: str) -> tuple[Path, str | None]:
    """The files that a source names, and the run that made them."""
    if match := _LOGGED.fullmatch(source):
        document = logged_models.find(workspace, match["model"])
        return _of_run(workspace, document["run"], document["folder"])
    if match := _OF_RUN.fullmatch(source) or _HTTP_OF_RUN.fullmatch(source):
        return _of_run(workspace, match["run"], match["path"])
    if match := _VERSION.fullmatch(source):
        version = workspace.assets.get(
            "model", f"{match['name']}{match['label'] or ':' + match['number']}"
        )
        if version.path is not None:
            return version.path, version.source_run
    raise invalid(
        "a model is registered from what a run has logged "
        f"(`runs:/RUN/PATH`, `models:/ID`): {source}"
    )


def _of_run(workspace: Workspace, run: str, path: str) -> tuple[Path, str]:
    return model_folder(Artifacts(workspace.folder_of(workspace.runs.get(run).name)), path), run


def _look_up(version: AssetVersion) -> LookUp:
    found = version_json(version)
    attributes: Mapping[str, Any] = {
        "name": version.name,
        "version_number": int(version.version) if version.version.isdecimal() else None,
        "version": version.version,
        "run_id": version.source_run,
        "source_path": found["source"],
        "source": found["source"],
        "creation_timestamp": found["creation_timestamp"],
        "last_updated_timestamp": found["last_updated_timestamp"],
        "current_stage": "None",
    }

    def look_up(entity: str, key: str) -> Any:
        if entity == "tag":
            return version.tags.get(key)
        if key in attributes:
            return attributes[key]
        raise invalid(f"model versions cannot be searched by {entity} `{key}`")

    return look_up
