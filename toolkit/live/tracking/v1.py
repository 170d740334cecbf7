"""The calls of the in-job `azureml.core`: runs, records, tags and models as JSON of our own."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from toolkit.errors import Conflict
from toolkit.live.tracking.artifacts import Artifacts, check_no_way_out, files_in
from toolkit.live.tracking.call import CREATED_IN, Answer, Call, key_of, real, whole
from toolkit.live.tracking.failures import Refused, invalid
from toolkit.live.tracking.places import staged
from toolkit.live.tracking.shapes import NOTE_TAG, milliseconds
from toolkit.live.tracking.versions import model_folder, model_type
from toolkit.workspace.model import (
    AssetVersion,
    Metric,
    NewAsset,
    NewRun,
    Record,
    RecordKind,
    Run,
    RunError,
    RunStatus,
)
from toolkit.workspace.owners import this_process

_KINDS: Final = get_args(RecordKind)
_STATUSES: Final = get_args(RunStatus)


def run(call: Call) -> Answer:
    return run_json(call, call.run())


def runs(call: Call) -> Answer:
    """Of an experiment, newest first, with the tags that are asked for."""
    tags = call.mapping("tags")
    found = call.workspace.runs.list(experiment=call.text("experiment"))
    chosen = [each for each in found if tags.items() <= each.tags.items()]
    return {"runs": [run_json(call, each) for each in chosen]}


def create(call: Call) -> Answer:
    """A run on its own, as `Experiment.start_logging()` begins one."""
    origin = {} if call.caller.root is None else {CREATED_IN: call.caller.root}
    created = call.workspace.runs.create(
        NewRun(
            experiment=call.text("experiment"),
            kind="interactive",
            naming="v1",
            display_name=call.optional("display_name"),
            owner=this_process(),
            status="Running",
            properties=origin,
        )
    )
    return run_json(call, created)


def children(call: Call) -> Answer:
    below = call.workspace.runs
    name = call.run().name
    found = below.descendants(name) if call.values.get("recursive") else below.children(name)
    return {"runs": [run_json(call, each) for each in found]}


def create_children(call: Call) -> Answer:
    """Runs that the job's code begins and ends itself."""
    parent = call.own_run()
    status = _status(call.optional("status") or "Running")
    created = [
        call.workspace.runs.create(
            NewRun(
                experiment=parent.experiment,
                kind="interactive",
                name=item.get("id") or str(uuid.uuid4()),
                display_name=item.get("name"),
                parent=parent.name,
                owner=this_process(),
                status=status,
                tags={str(key): str(value) for key, value in (item.get("tags") or {}).items()},
            )
        )
        for item in call.objects("runs")
    ]
    return {"runs": [run_json(call, child) for child in created]}


def record(call: Call) -> Answer:
    """Calls of `log…` methods; numbers are metrics for MLflow too."""
    target = call.own_run()
    items = call.objects("records")
    call.workspace.metrics.record_all(target.name, [_record(item) for item in items])
    numbers = [metric for item in items if (metric := _metric(item, call.number("now", 0)))]
    if numbers:
        call.workspace.metrics.log(target.name, numbers)
    return {}


def metrics(call: Call) -> Answer:
    """In the shape of `Run.get_metrics()`."""
    return {"metrics": dict(call.workspace.metrics.values(call.run().name))}


def tag(call: Call) -> Answer:
    """Set tags; null removes one."""
    given = call.object("tags")
    tags = {str(key): None if value is None else str(value) for key, value in given.items()}
    return run_json(call, call.workspace.runs.tag(call.own_run().name, tags))


def add_properties(call: Call) -> Answer:
    found = call.own_run()
    return run_json(
        call, call.workspace.runs.add_properties(found.name, call.mapping("properties"))
    )


def describe(call: Call) -> Answer:
    """Change the display name or the description."""
    found = call.own_run()
    if name := call.optional("display_name"):
        found = call.workspace.runs.update(found.name, display_name=name)
    if (text := call.optional("description")) is not None:
        found = call.workspace.runs.tag(found.name, {NOTE_TAG: text})
    return run_json(call, found)


def advance(call: Call) -> Answer:
    """Status of a run that the code began. That of the job itself is not the code's to set."""
    found = call.own_run()
    status = _status(call.text("status"))
    if found.kind != "interactive" or status == found.status:
        return run_json(call, found)
    error = None
    if status == "Failed":
        code = call.optional("error_code") or "UserError"
        error = RunError(code=code, message=call.optional("error_details") or "")
    with contextlib.suppress(Conflict):  # it ended already: the first end stands
        call.workspace.runs.advance(found.name, status, error=error)
    return run_json(call, call.workspace.runs.get(found.name))


def files(call: Call) -> Answer:
    """The names of all artifacts of a run, as `Run.get_file_names()` has them."""
    return {"files": list(call.artifacts(call.run().name).files(call.optional("prefix") or ""))}


def register_model(call: Call) -> Answer:
    """From what a run has (`run_id`, `path`), or from files that were staged (`staged`)."""
    id_ = call.optional("staged")
    if id_ is None:
        artifacts = Artifacts(call.workspace.folder_of(call.run().name))
        return _registered(call, model_folder(artifacts, call.text("path")))
    found = staged(call, id_)
    try:
        inside = [*found.iterdir()] if found.is_dir() else []
        if not inside:
            raise invalid("no files were sent for the model")
        path = inside[0] if len(inside) == 1 else found
        check_no_way_out(path)
        return _registered(call, path)
    finally:
        shutil.rmtree(found, ignore_errors=True)  # of a model that is refused, too


def _registered(call: Call, path: Path) -> Answer:
    version = call.workspace.assets.register(
        NewAsset(
            kind="model",
            name=call.text("name"),
            type=model_type(path),
            path=path,
            copied=True,
            description=call.optional("description") or "",
            tags=call.mapping("tags"),
            properties=call.mapping("properties"),
            source_run=call.optional("run_id") or call.caller.run,
        )
    )
    return asset_json(version)


def asset(call: Call) -> Answer:
    """One version of a model or of data: `reference` is `name`, `name:3` or `name@label`."""
    return asset_json(call.workspace.assets.get(_kind(call), call.text("reference")))


def assets(call: Call) -> Answer:
    found = call.workspace.assets.list(_kind(call), call.optional("name"))
    return {"assets": [asset_json(version) for version in found]}


def asset_json(version: AssetVersion) -> dict[str, Any]:
    listed = [] if version.path is None else files_in(version.path)
    return {
        "kind": version.kind,
        "name": version.name,
        "version": version.version,
        "type": version.type,
        "uri": version.uri,
        "is_file": version.path is not None and version.path.is_file(),
        "root": version.path.name if version.path is not None and version.path.is_dir() else "",
        "files": [{"path": path, "size": size} for path, size in listed],
        "description": version.description,
        "tags": dict(version.tags),
        "properties": dict(version.properties),
        "run_id": version.source_run,
        "created": milliseconds(version.created),
        "definition": dict(version.definition),
    }


def run_json(call: Call, found: Run) -> dict[str, Any]:
    tags = {key: value for key, value in found.tags.items() if key != NOTE_TAG}
    return {
        "id": found.name,
        "display_name": found.display_name,
        "description": found.tags.get(NOTE_TAG),
        "experiment": found.experiment,
        "experiment_id": call.workspace.experiments.get_or_create(found.experiment).id,
        "number": found.number,
        "kind": found.kind,
        "status": found.status,
        "parent": found.parent,
        "root": found.root,
        "tags": tags,
        "properties": dict(found.properties),
        "created": milliseconds(found.created),
        "started": None if found.started is None else milliseconds(found.started),
        "ended": None if found.ended is None else milliseconds(found.ended),
        "error": None if found.error is None else vars(found.error),
    }


def _kind(call: Call) -> Any:
    kind = call.text("kind")
    if kind not in {"model", "data"}:
        raise Refused("PERMISSION_DENIED", f"a job can ask for models and data, not for: {kind}")
    return kind


def _status(text: str) -> Any:
    if text not in _STATUSES:
        raise invalid(f"unknown status: {text}")
    return text


def _record(item: Mapping[str, Any]) -> Record:
    kind: Any = item.get("kind")
    if kind not in _KINDS:
        raise invalid(f"unknown kind of record: {kind}")
    step = item.get("step")
    if kind in {"row", "table"} and not isinstance(item.get("value"), dict):
        raise invalid(f"a {kind} is an object of columns")
    if kind == "list" and not isinstance(item.get("value"), list):
        raise invalid("a list is a list of values")
    return Record(
        key=key_of(item),
        kind=kind,
        value=item.get("value"),
        step=None if step is None else whole(step, "step"),
        description=str(item.get("description") or ""),
    )


def _metric(item: Mapping[str, Any], now: int) -> Metric | None:
    """The number that a scalar is; `index` counts what its client logged under that name."""
    value = item.get("value")
    if (
        item.get("kind") != "scalar"
        or isinstance(value, bool)
        or not isinstance(value, int | float)
    ):
        return None
    step = item.get("step")
    order = whole(item.get("index") or 0, "index") if step is None else whole(step, "step")
    return Metric(key=key_of(item), value=real(value, "value"), timestamp=now, step=order)
