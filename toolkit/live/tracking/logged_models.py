"""MLflow 3's logged models: documents, whose files lie among the artifacts of their run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from toolkit.live.tracking.call import Answer, Call, key_of, pairs
from toolkit.live.tracking.failures import invalid, missing
from toolkit.live.tracking.search import (
    LookUp,
    in_order,
    matches,
    page,
    parse_filter,
    parse_order,
)
from toolkit.live.tracking.shapes import artifact_uri, key_values
from toolkit.workspace.workspace import Workspace

KIND: Final = "mlflow-logged-model"
_PAGE: Final = 100
_STATUSES: Final = (
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
)


def create(call: Call) -> Answer:
    """A model to be: where its files go is answered, and shown in the run as `<name>/`."""
    model_id = f"m-{secrets.token_hex(16)}"
    name = call.optional("name") or model_id
    run = call.optional("source_run_id") or call.caller.run
    if run is None:
        raise missing("a logged model needs a run: start one first")
    call.check_own(call.workspace.runs.get(run))
    now = int(time.time() * 1000)
    document = {
        "id": model_id,
        "experiment": call.text("experiment_id"),
        "name": name,
        "created": now,
        "updated": now,
        "folder": _folder(call, run, name, model_id),
        "run": run,
        "source_run": call.optional("source_run_id") or "",
        "status": "LOGGED_MODEL_PENDING",
        "type": call.optional("model_type") or "",
        "tags": pairs(call.objects("tags")),
        "params": pairs(call.objects("params")),
        "metrics": [],
    }
    call.workspace.documents.put(KIND, model_id, document)
    return {"model": _json(document)}


def get(call: Call) -> Answer:
    return {"model": _json(find(call.workspace, call.text("model_id")))}


def finalize(call: Call) -> Answer:
    status = str(call.text("status"))
    known = _STATUSES[int(status)] if status in {"0", "1", "2", "3"} else status
    if known not in _STATUSES:
        raise invalid(f"unknown status of a logged model: {status}")
    return {"model": _json(_change(call, status=known))}


def delete(call: Call) -> Answer:
    """Forget it; its files stay in the run."""
    call.workspace.documents.delete(KIND, _own(call)["id"])
    return {}


def set_tags(call: Call) -> Answer:
    tags = {**_own(call)["tags"], **pairs(call.objects("tags"))}
    return {"model": _json(_change(call, tags=tags))}


def delete_tag(call: Call) -> Answer:
    key = call.text("tag_key")
    tags = {name: value for name, value in _own(call)["tags"].items() if name != key}
    return {"model": _json(_change(call, tags=tags))}


def log_params(call: Call) -> Answer:
    params = {**_own(call)["params"], **pairs(call.objects("params"))}
    return {"model": _json(_change(call, params=params))}


def search(call: Call) -> Answer:
    """In the experiments asked for; newest first without an order."""
    experiments = set(call.texts("experiment_ids"))
    comparisons = parse_filter(call.optional("filter") or "")
    there = [
        document
        for document in reversed(call.workspace.documents.list(KIND))
        if document["experiment"] in experiments
    ]
    found = [document for document in there if matches(comparisons, _look_up(document))]
    orders = parse_order(
        [
            f"{key_of(order, 'field_name')} {'ASC' if order.get('ascending', True) else 'DESC'}"
            for order in call.objects("order_by")
        ]
    )
    models, following = page(
        in_order(found, orders, _look_up),
        token=call.optional("page_token"),
        size=call.number("max_results", _PAGE),
    )
    answer: dict[str, Any] = {"models": [_json(document) for document in models]}
    return {**answer, "next_page_token": following} if following else answer


def artifacts(call: Call) -> Answer:
    """The files of a model, named from its own root."""
    document = find(call.workspace, call.text("model_id"))
    inside = "/".join(filter(None, (document["folder"], call.optional("artifact_directory_path"))))
    cut = len(document["folder"]) + 1
    entries = call.artifacts(document["run"]).entries(inside)
    return {
        "root_uri": _uri(document),
        "files": [
            {"path": entry.path[cut:], "is_dir": entry.is_folder, "file_size": entry.size}
            for entry in entries
        ],
    }


def add_metrics(workspace: Workspace, run: str, metrics: Sequence[Mapping[str, Any]]) -> None:
    """Keep with a model what was measured of it."""
    for metric in metrics:
        model_id = metric.get("model_id")
        if isinstance(model_id, str) and model_id:
            document = find(workspace, model_id)
            known = [*document["metrics"], {**metric, "run_id": run}]
            workspace.documents.merge(KIND, model_id, {"metrics": known})


def find(workspace: Workspace, model_id: str) -> dict[str, Any]:
    found = workspace.documents.find(KIND, model_id)
    if found is None:
        raise missing(f"Logged model with ID '{model_id}' not found.")
    return found


def _own(call: Call) -> dict[str, Any]:
    document = find(call.workspace, call.text("model_id"))
    call.check_own(call.workspace.runs.get(document["run"]))
    return document


def _change(call: Call, **changes: Any) -> dict[str, Any]:
    model_id = _own(call)["id"]
    changed = {**changes, "updated": int(time.time() * 1000)}
    return call.workspace.documents.merge(KIND, model_id, changed)


def _folder(call: Call, run: str, name: str, model_id: str) -> str:
    """`<name>`, as MLflow 2 and Azure ML show a model: the last one of that name has it.

    The one before gives it up for `<name>-<id>`, unless it is still being written.
    """
    there = [doc for doc in call.workspace.documents.list(KIND) if doc["run"] == run]
    holder = next((doc for doc in there if doc["folder"] == name), None)
    if holder is None:
        return name
    if holder["status"] != "LOGGED_MODEL_READY":
        return f"{name}-{model_id}"
    aside = f"{name}-{holder['id']}"
    artifacts = call.artifacts(run)
    artifacts.find(name).rename(artifacts.target(aside))
    call.workspace.documents.merge(KIND, holder["id"], {"folder": aside})
    return name


def _uri(document: Mapping[str, Any]) -> str:
    return f"{artifact_uri(document['run'])}/{document['folder']}"


def _json(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "info": {
            "model_id": document["id"],
            "experiment_id": document["experiment"],
            "name": document["name"],
            "creation_timestamp_ms": document["created"],
            "last_updated_timestamp_ms": document["updated"],
            "artifact_uri": _uri(document),
            "status": document["status"],
            "model_type": document["type"],
            "source_run_id": document["source_run"],
            "tags": key_values(document["tags"]),
        },
        "data": {"params": key_values(document["params"]), "metrics": document["metrics"]},
    }


def _look_up(document: Mapping[str, Any]) -> LookUp:
    def look_up(entity: str, key: str) -> Any:
        match entity:
            case "tag" | "param":
                return document[f"{entity}s"].get(key)
            case "metric":
                values = [m["value"] for m in document["metrics"] if m.get("key") == key]
                return float(values[-1]) if values else None
        return _attribute(document, key)

    return look_up


def _attribute(document: Mapping[str, Any], key: str) -> Any:
    columns = {
        "name": "name",
        "model_id": "id",
        "model_type": "type",
        "status": "status",
        "source_run_id": "source_run",
        "creation_timestamp": "created",
        "creation_time": "created",
        "last_updated_timestamp": "updated",
    }
    if key not in columns:
        raise invalid(f"logged models cannot be searched by `{key}`")
    value = document[columns[key]]
    return value.removeprefix("LOGGED_MODEL_") if key == "status" else value
