"""MLflow's registered models: versions are the workspace's model assets, aliases its labels."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from toolkit.live.tracking.call import Answer, Call, pairs
from toolkit.live.tracking.failures import Refused, invalid, missing
from toolkit.live.tracking.search import LookUp, in_order, matches, page, parse_filter, parse_order
from toolkit.live.tracking.shapes import key_values, milliseconds
from toolkit.live.tracking.versions import version_json
from toolkit.workspace.model import AssetVersion
from toolkit.workspace.names import check_asset_name
from toolkit.workspace.references import LATEST
from toolkit.workspace.workspace import Workspace

KIND: Final = "mlflow-registered-model"
_PAGE: Final = 100


def create(call: Call) -> Answer:
    name = call.text("name")
    check_asset_name(name, None)
    if _exists(call.workspace, name):
        raise Refused("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
    _put(
        call.workspace,
        name,
        description=call.optional("description") or "",
        tags=pairs(call.objects("tags")),
    )
    return {"registered_model": _json(call.workspace, name)}


def get(call: Call) -> Answer:
    return {"registered_model": _json(call.workspace, call.text("name"))}


def update(call: Call) -> Answer:
    name = _known(call)
    _put(call.workspace, name, description=call.optional("description") or "")
    return {"registered_model": _json(call.workspace, name)}


def rename(call: Call) -> Answer:
    """Refused, as Azure ML does not rename models either: versions are named by references."""
    raise invalid(f"models cannot be renamed: register `{call.text('name')}` again")


def delete(call: Call) -> Answer:
    """All versions with it."""
    name = _known(call)
    for version in call.workspace.assets.list("model", name, archived=None):
        call.workspace.assets.delete("model", name, version.version)
    call.workspace.documents.delete(KIND, name)
    return {}


def search(call: Call) -> Answer:
    comparisons = parse_filter(call.optional("filter") or "")
    orders = parse_order(call.texts("order_by")) or parse_order(["name ASC"])
    names = _names(call.workspace)
    there = [_json(call.workspace, name) for name in names]
    found = [model for model in there if matches(comparisons, _look_up(model))]
    models, following = page(
        in_order(found, orders, _look_up),
        token=call.optional("page_token"),
        size=call.number("max_results", _PAGE),
    )
    answer: dict[str, Any] = {"registered_models": models}
    return {**answer, "next_page_token": following} if following else answer


def latest_versions(call: Call) -> Answer:
    """The newest version; there are no stages here, as there are none in Azure ML."""
    found = _versions(call.workspace, _known(call))[:1]
    return {"model_versions": [version_json(version) for version in found]}


def set_tag(call: Call) -> Answer:
    name = _known(call)
    tags = {
        **_document(call.workspace, name)["tags"],
        call.text("key"): call.optional("value") or "",
    }
    _put(call.workspace, name, tags=tags)
    return {}


def delete_tag(call: Call) -> Answer:
    name = _known(call)
    key = call.text("key")
    tags = _document(call.workspace, name)["tags"]
    _put(call.workspace, name, tags={each: value for each, value in tags.items() if each != key})
    return {}


def set_alias(call: Call) -> Answer:
    """A label of that version from now on: `azureml:NAME@ALIAS` finds it too."""
    call.workspace.assets.label("model", _known(call), call.text("version"), call.text("alias"))
    return {}


def delete_alias(call: Call) -> Answer:
    call.workspace.assets.unlabel("model", _known(call), call.text("alias"))
    return {}


def get_by_alias(call: Call) -> Answer:
    found = call.workspace.assets.get("model", f"{_known(call)}@{call.text('alias')}")
    return {"model_version": version_json(found)}


def _known(call: Call) -> str:
    name = call.text("name")
    if not _exists(call.workspace, name):
        raise missing(f"Registered Model with name={name} not found")
    return name


def _exists(workspace: Workspace, name: str) -> bool:
    return workspace.documents.find(KIND, name) is not None or bool(
        workspace.assets.list("model", name)
    )


def _names(workspace: Workspace) -> list[str]:
    documents = {str(document["name"]) for document in workspace.documents.list(KIND)}
    return sorted(documents | {version.name for version in workspace.assets.list("model")})


def _versions(workspace: Workspace, name: str) -> Sequence[AssetVersion]:
    return workspace.assets.list("model", name)


def _document(workspace: Workspace, name: str) -> dict[str, Any]:
    """What is said of the name as a whole; models that were not registered by MLflow have none."""
    now = int(time.time() * 1000)
    empty = {"name": name, "description": "", "tags": {}, "created": now, "updated": now}
    return {**empty, **(workspace.documents.find(KIND, name) or {})}


def _put(workspace: Workspace, name: str, **changes: Any) -> None:
    document = {**_document(workspace, name), **changes, "updated": int(time.time() * 1000)}
    workspace.documents.put(KIND, name, document)


def _json(workspace: Workspace, name: str) -> dict[str, Any]:
    if not _exists(workspace, name):
        raise missing(f"Registered Model with name={name} not found")
    document = _document(workspace, name)
    versions = _versions(workspace, name)
    created = [milliseconds(version.created) for version in versions]
    return {
        "name": name,
        "description": document["description"],
        "creation_timestamp": min([document["created"], *created]),
        "last_updated_timestamp": max([document["updated"], *created]),
        "tags": key_values(document["tags"]),
        "latest_versions": [version_json(version) for version in versions[:1]],
        "aliases": [
            {"alias": label, "version": version.version}
            for version in versions
            for label in sorted(version.labels - {LATEST})
        ],
    }


def _look_up(model: Mapping[str, Any]) -> LookUp:
    def look_up(entity: str, key: str) -> Any:
        if entity == "tag":
            return {tag["key"]: tag["value"] for tag in model["tags"]}.get(key)
        if key in {"name", "creation_timestamp", "last_updated_timestamp"}:
            return model[key]
        raise invalid(f"registered models cannot be searched by {entity} `{key}`")

    return look_up
