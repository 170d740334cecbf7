"""MLflow's `experiments/…` calls over the workspace's experiments."""

from __future__ import annotations

from typing import Any, Final

from toolkit.errors import NotFound
from toolkit.live.tracking.call import Answer, Call, archived_in, pairs
from toolkit.live.tracking.failures import Refused, invalid
from toolkit.live.tracking.search import LookUp, in_order, matches, page, parse_filter, parse_order
from toolkit.live.tracking.shapes import experiment_json, milliseconds
from toolkit.workspace.model import Experiment

_PAGE: Final = 1000


def create(call: Call) -> Answer:
    name = call.text("name")
    if _find(call, name) is not None:
        raise Refused("RESOURCE_ALREADY_EXISTS", f"Experiment '{name}' already exists.")
    experiment = call.workspace.experiments.get_or_create(name)
    if tags := pairs(call.objects("tags")):
        call.workspace.experiments.tag(experiment.id, tags)
    return {"experiment_id": experiment.id}


def get(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    return {"experiment": experiment_json(experiment)}


def get_by_name(call: Call) -> Answer:
    experiment = call.workspace.experiments.by_name(call.text("experiment_name"))
    return {"experiment": experiment_json(experiment)}


def search(call: Call) -> Answer:
    """The documented filters and orders; last changed first without an order."""
    comparisons = parse_filter(call.optional("filter") or "")
    orders = parse_order(call.texts("order_by")) or parse_order(["last_update_time DESC"])
    there = call.workspace.experiments.list(archived=archived_in(call, "view_type"))
    found = [each for each in there if matches(comparisons, _look_up(each))]
    experiments, following = page(
        in_order(found, orders, _look_up),
        token=call.optional("page_token"),
        size=call.number("max_results", _PAGE),
    )
    answer: dict[str, Any] = {"experiments": [experiment_json(each) for each in experiments]}
    return {**answer, "next_page_token": following} if following else answer


def update(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    call.workspace.experiments.rename(experiment.id, call.text("new_name"))
    return {}


def delete(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    call.workspace.experiments.delete(experiment.id)
    return {}


def restore(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    call.workspace.experiments.restore(experiment.id)
    return {}


def set_tag(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    tags = {call.text("key"): call.optional("value") or ""}
    call.workspace.experiments.tag(experiment.id, tags)
    return {}


def delete_tag(call: Call) -> Answer:
    experiment = call.workspace.experiments.get(call.text("experiment_id"))
    call.workspace.experiments.tag(experiment.id, {call.text("key"): None})
    return {}


def _find(call: Call, name: str) -> Experiment | None:
    try:
        return call.workspace.experiments.by_name(name)
    except NotFound:
        return None


def _look_up(experiment: Experiment) -> LookUp:
    def look_up(entity: str, key: str) -> Any:
        if entity == "tag":
            return experiment.tags.get(key)
        match entity, key:
            case "attribute", "name":
                return experiment.name
            case "attribute", "experiment_id":
                return experiment.id
            case "attribute", "creation_time":
                return milliseconds(experiment.created)
            case "attribute", "last_update_time":
                return milliseconds(experiment.updated)
        raise invalid(f"experiments cannot be searched by {entity} `{key}`")

    return look_up
