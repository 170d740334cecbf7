"""MLflow's `runs/…` calls: made, told, ended, searched, tagged. A job's own end is not theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from toolkit.errors import Conflict, NotFound
from toolkit.live.tracking.call import CREATED_IN, Answer, Call, archived_in, pairs
from toolkit.live.tracking.failures import invalid
from toolkit.live.tracking.search import LookUp, in_order, matches, page, parse_filter, parse_order
from toolkit.live.tracking.shapes import (
    NAME_TAG,
    PARENT_TAG,
    artifact_uri,
    milliseconds,
    run_info,
    run_json,
    run_tags,
    status_of,
    status_to,
)
from toolkit.workspace.model import NewRun, Run, RunStatus
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace

_PAGE: Final = 1000
_LARGEST_PAGE: Final = 50_000


def create(call: Call) -> Answer:
    """A run begun by the user's code: a child if it says whose, else on its own."""
    tags = pairs(call.objects("tags"))
    parent = tags.pop(PARENT_TAG, None)
    named = tags.pop(NAME_TAG, None)
    if parent is not None:
        call.check_own(call.workspace.runs.get(parent))
    run = call.workspace.runs.create(
        NewRun(
            experiment=call.workspace.experiments.get(call.text("experiment_id")).name,
            kind="interactive",
            display_name=call.optional("run_name") or named,
            parent=parent,
            owner=this_process(),
            status="Running",
            tags=tags,
            properties=_origin(call) if parent is None else {},
        )
    )
    return {"run": run_json(call.workspace, run)}


def get(call: Call) -> Answer:
    return {"run": run_json(call.workspace, call.run())}


def update(call: Call) -> Answer:
    """Status and name. The status of a job is the emulator's to set, as it is the service's."""
    run = call.own_run()
    if name := call.optional("run_name"):
        run = call.workspace.runs.update(run.name, display_name=name)
    status = call.optional("status")
    if status is not None and run.kind == "interactive":
        run = _advance(call.workspace, run, status_of(status))
    experiment = call.workspace.experiments.get_or_create(run.experiment)
    return {"run_info": run_info(run, experiment.id)}


def delete(call: Call) -> Answer:
    call.workspace.runs.update(call.own_run().name, archived=True)
    return {}


def restore(call: Call) -> Answer:
    call.workspace.runs.update(call.own_run().name, archived=False)
    return {}


def search(call: Call) -> Answer:
    """The documented filters and orders; newest first without an order."""
    comparisons = parse_filter(call.optional("filter") or "")
    orders = parse_order(call.texts("order_by"))
    size = call.number("max_results", _PAGE)
    if size > _LARGEST_PAGE:
        raise invalid(f"max_results is {size}, and at most {_LARGEST_PAGE}")
    look_up = partial(_look_up, call.workspace)
    found = [run for run in _candidates(call) if matches(comparisons, look_up(run))]
    ordered = in_order(found, orders, look_up)
    runs, following = page(ordered, token=call.optional("page_token"), size=size)
    answer: dict[str, Any] = {"runs": [run_json(call.workspace, run) for run in runs]}
    return {**answer, "next_page_token": following} if following else answer


def set_tag(call: Call) -> Answer:
    run = call.own_run()
    set_tags(call.workspace, run, {call.text("key"): call.optional("value") or ""})
    return {}


def delete_tag(call: Call) -> Answer:
    run = call.own_run()
    key = call.text("key")
    if key not in run.tags:
        raise NotFound(f"run `{run.name}` has no tag `{key}`")
    call.workspace.runs.tag(run.name, {key: None})
    return {}


def log_parameter(call: Call) -> Answer:
    set_parameters(call.workspace, call.own_run(), {call.text("key"): call.optional("value") or ""})
    return {}


def set_parameters(workspace: Workspace, run: Run, parameters: Mapping[str, str]) -> None:
    """Log parameters, which cannot be changed afterwards."""
    try:
        workspace.runs.set_parameters(run.name, parameters)
    except Conflict as error:
        raise invalid(f"changing param values is not allowed: {error.message}") from error


def set_tags(workspace: Workspace, run: Run, tags: Mapping[str, str]) -> None:
    """Tags as MLflow's clients send them, the one that is a run's name included."""
    if name := tags.get(NAME_TAG):
        workspace.runs.update(run.name, display_name=name)
    rest = {key: value for key, value in tags.items() if key not in {NAME_TAG, PARENT_TAG}}
    if rest:
        workspace.runs.tag(run.name, rest)


def _origin(call: Call) -> dict[str, str]:
    return {} if call.caller.root is None else {CREATED_IN: call.caller.root}


def _advance(workspace: Workspace, run: Run, status: RunStatus) -> Run:
    """Clients say `RUNNING` of what runs, and may say how it ended more than once."""
    if status == run.status or run.is_terminal:
        return run
    with contextlib.suppress(Conflict):  # another client was faster
        return workspace.runs.advance(run.name, status)
    return workspace.runs.get(run.name)


def _candidates(call: Call) -> list[Run]:
    archived = archived_in(call, "run_view_type")
    experiments = call.workspace.experiments
    found: list[Run] = []
    for id_ in dict.fromkeys(call.texts("experiment_ids")):
        name = experiments.get(id_).name
        found += call.workspace.runs.list(experiment=name, archived=archived)
    return sorted(found, key=lambda run: run.created, reverse=True)


def _look_up(workspace: Workspace, run: Run) -> LookUp:
    """Values of a run by entity and key; metrics are read only if they are asked for."""

    def look_up(entity: str, key: str) -> Any:
        match entity:
            case "metric":
                metric = workspace.metrics.latest(run.name).get(key)
                return None if metric is None else metric.value
            case "param":
                return run.parameters.get(key)
            case "tag":
                return run_tags(run).get(key)
            case "attribute":
                return _attribute(run, key)
        raise invalid(f"runs cannot be searched by {entity}")

    return look_up


def _attribute(run: Run, key: str) -> Any:
    attributes: Mapping[str, Any] = {
        "run_id": run.name,
        "run_uuid": run.name,
        "run_name": run.display_name,
        "status": status_to(run.status),
        "start_time": milliseconds(run.started or run.created),
        "created": milliseconds(run.created),
        "end_time": None if run.ended is None else milliseconds(run.ended),
        "artifact_uri": artifact_uri(run.name),
        "user_id": run_tags(run)["mlflow.user"],
    }
    name = key.lower().replace(" ", "_")
    if name not in attributes:
        raise invalid(f"unknown attribute of a run: `{key}`")
    return attributes[name]
