"""MLflow's `log-…` and `metrics/…` calls: numbers, parameters and links to data and models."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from toolkit.live.tracking import logged_models
from toolkit.live.tracking.call import Answer, Call, key_of, pairs, real, whole
from toolkit.live.tracking.failures import invalid
from toolkit.live.tracking.runs import set_parameters, set_tags
from toolkit.live.tracking.search import page
from toolkit.live.tracking.shapes import add_links, metric_json
from toolkit.workspace.model import Metric

_PAGE: Final = 25_000
_MOST_METRICS: Final = 1000
_MOST_POINTS: Final = 2500
_HISTORY_TAG: Final = "mlflow.log-model.history"


def log_metric(call: Call) -> Answer:
    return _log(call, [call.values])


def log_batch(call: Call) -> Answer:
    """Parameters first: one that may not change refuses the batch before anything is kept."""
    run = call.own_run()
    metrics = call.objects("metrics")
    if len(metrics) > _MOST_METRICS:
        raise invalid(f"a batch can hold at most {_MOST_METRICS} metrics, not {len(metrics)}")
    values = [_metric(item) for item in metrics]
    if parameters := pairs(call.objects("params")):
        set_parameters(call.workspace, run, parameters)
    if tags := pairs(call.objects("tags")):
        set_tags(call.workspace, run, tags)
    if values:
        call.workspace.metrics.log(run.name, values)
        logged_models.add_metrics(call.workspace, run.name, metrics)
    return {}


def history(call: Call) -> Answer:
    """All values of one metric of one run."""
    found = call.workspace.metrics.history(call.run().name, call.text("metric_key"))
    size = call.number("max_results", _PAGE)
    metrics, following = page(found, token=call.optional("page_token"), size=size)
    answer: dict[str, Any] = {"metrics": [metric_json(metric) for metric in metrics]}
    return {**answer, "next_page_token": following} if following else answer


def history_of_many(call: Call) -> Answer:
    """One metric of several runs between two steps, thinned out evenly as for a plot."""
    first, last = call.number("start_step", 0), call.values.get("end_step")
    most = max(call.number("max_results", _MOST_POINTS), 2)
    key = call.text("metric_key")
    found = []
    for run in call.texts("run_ids"):
        points = [
            metric
            for metric in call.workspace.metrics.history(call.workspace.runs.get(run).name, key)
            if last is None or first <= metric.step <= whole(last, "end_step")
        ]
        found += [{**metric_json(point), "run_id": run} for point in _thinned(points, most)]
    return {"metrics": found}


def log_inputs(call: Call) -> Answer:
    """Datasets and models that a run used."""
    run = call.own_run()
    add_links(call.workspace, run.name, "datasets", call.objects("datasets"))
    models = [{"model_id": key_of(item, "model_id")} for item in call.objects("models")]
    add_links(call.workspace, run.name, "models_in", models)
    return {}


def log_outputs(call: Call) -> Answer:
    """Models that a run made."""
    run = call.own_run()
    models = [
        {"model_id": key_of(item, "model_id"), "step": whole(item.get("step", 0), "step")}
        for item in call.objects("models")
    ]
    add_links(call.workspace, run.name, "models_out", models)
    return {}


def log_model(call: Call) -> Answer:
    """What MLflow 2 says of a model it has logged; kept where its client looks for it."""
    run = call.own_run()
    try:
        model = json.loads(call.text("model_json"))
        known = json.loads(run.tags.get(_HISTORY_TAG, "[]"))
    except json.JSONDecodeError as error:
        raise invalid(f"malformed model info: {error}") from error
    if not isinstance(model, dict) or not {"artifact_path", "flavors"} <= model.keys():
        raise invalid("a model's info needs `artifact_path` and `flavors`")
    call.workspace.runs.tag(run.name, {_HISTORY_TAG: json.dumps([*known, model])})
    return {}


def _log(call: Call, items: list[Mapping[str, Any]]) -> Answer:
    run = call.own_run()
    call.workspace.metrics.log(run.name, [_metric(item) for item in items])
    logged_models.add_metrics(call.workspace, run.name, items)
    return {}


def _metric(item: Mapping[str, Any]) -> Metric:
    now = int(time.time() * 1000)
    return Metric(
        key=key_of(item),
        value=real(item.get("value"), "value"),
        timestamp=whole(item.get("timestamp") or now, "timestamp"),
        step=whole(item.get("step") or 0, "step"),
    )


def _thinned(points: list[Metric], most: int) -> list[Metric]:
    if len(points) <= most:
        return points
    spread = (len(points) - 1) / (most - 1)
    return [points[round(index * spread)] for index in range(most)]
