"""Which method and path is which call: the whole protocol on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolkit.live.tracking import (
    experiments,
    listing,
    logged_models,
    metrics,
    registry,
    runs,
    v1,
    versions,
)
from toolkit.live.tracking.call import Handler

MLFLOW: Final = "/api/2.0/mlflow"
V1: Final = "/aml-emu/1.0"
ARTIFACTS: Final = ("/api/2.0/mlflow-artifacts/artifacts", f"{V1}/files")
"""Where files are listed, read and written; see `places`."""

_MLFLOW: Final[Mapping[tuple[str, str], Handler]] = {
    ("GET", "artifacts/list"): listing.of_run,
    ("POST", "experiments/create"): experiments.create,
    ("GET", "experiments/get"): experiments.get,
    ("GET", "experiments/get-by-name"): experiments.get_by_name,
    ("GET", "experiments/search"): experiments.search,
    ("POST", "experiments/search"): experiments.search,
    ("POST", "experiments/update"): experiments.update,
    ("POST", "experiments/delete"): experiments.delete,
    ("POST", "experiments/restore"): experiments.restore,
    ("POST", "experiments/set-experiment-tag"): experiments.set_tag,
    ("POST", "experiments/delete-experiment-tag"): experiments.delete_tag,
    ("POST", "runs/create"): runs.create,
    ("GET", "runs/get"): runs.get,
    ("POST", "runs/update"): runs.update,
    ("POST", "runs/delete"): runs.delete,
    ("POST", "runs/restore"): runs.restore,
    ("POST", "runs/search"): runs.search,
    ("POST", "runs/set-tag"): runs.set_tag,
    ("POST", "runs/delete-tag"): runs.delete_tag,
    ("POST", "runs/log-parameter"): runs.log_parameter,
    ("POST", "runs/log-metric"): metrics.log_metric,
    ("POST", "runs/log-batch"): metrics.log_batch,
    ("POST", "runs/log-model"): metrics.log_model,
    ("POST", "runs/log-inputs"): metrics.log_inputs,
    ("POST", "runs/outputs"): metrics.log_outputs,
    ("GET", "metrics/get-history"): metrics.history,
    ("GET", "metrics/get-history-bulk-interval"): metrics.history_of_many,
    ("POST", "logged-models"): logged_models.create,
    ("POST", "logged-models/search"): logged_models.search,
    ("GET", "logged-models/{model_id}"): logged_models.get,
    ("PATCH", "logged-models/{model_id}"): logged_models.finalize,
    ("DELETE", "logged-models/{model_id}"): logged_models.delete,
    ("PATCH", "logged-models/{model_id}/tags"): logged_models.set_tags,
    ("DELETE", "logged-models/{model_id}/tags/{tag_key}"): logged_models.delete_tag,
    ("POST", "logged-models/{model_id}/params"): logged_models.log_params,
    ("GET", "logged-models/{model_id}/artifacts/directories"): logged_models.artifacts,
    ("POST", "registered-models/create"): registry.create,
    ("GET", "registered-models/get"): registry.get,
    ("PATCH", "registered-models/update"): registry.update,
    ("POST", "registered-models/rename"): registry.rename,
    ("DELETE", "registered-models/delete"): registry.delete,
    ("GET", "registered-models/search"): registry.search,
    ("GET", "registered-models/get-latest-versions"): registry.latest_versions,
    ("POST", "registered-models/get-latest-versions"): registry.latest_versions,
    ("POST", "registered-models/set-tag"): registry.set_tag,
    ("DELETE", "registered-models/delete-tag"): registry.delete_tag,
    ("POST", "registered-models/alias"): registry.set_alias,
    ("DELETE", "registered-models/alias"): registry.delete_alias,
    ("GET", "registered-models/alias"): registry.get_by_alias,
    ("POST", "model-versions/create"): versions.create,
    ("GET", "model-versions/get"): versions.get,
    ("PATCH", "model-versions/update"): versions.update,
    ("DELETE", "model-versions/delete"): versions.delete,
    ("GET", "model-versions/search"): versions.search,
    ("GET", "model-versions/get-download-uri"): versions.download_uri,
    ("POST", "model-versions/transition-stage"): versions.transition,
    ("POST", "model-versions/set-tag"): versions.set_tag,
    ("DELETE", "model-versions/delete-tag"): versions.delete_tag,
}

_V1: Final[Mapping[tuple[str, str], Handler]] = {
    ("GET", "runs"): v1.runs,
    ("POST", "runs"): v1.create,
    ("GET", "runs/{run_id}"): v1.run,
    ("PATCH", "runs/{run_id}"): v1.describe,
    ("GET", "runs/{run_id}/children"): v1.children,
    ("POST", "runs/{run_id}/children"): v1.create_children,
    ("POST", "runs/{run_id}/records"): v1.record,
    ("GET", "runs/{run_id}/metrics"): v1.metrics,
    ("POST", "runs/{run_id}/tags"): v1.tag,
    ("POST", "runs/{run_id}/properties"): v1.add_properties,
    ("POST", "runs/{run_id}/status"): v1.advance,
    ("GET", "runs/{run_id}/files"): v1.files,
    ("POST", "models"): v1.register_model,
    ("GET", "assets/{kind}"): v1.assets,
    ("GET", "assets/{kind}/{reference}"): v1.asset,
}

ROUTES: Final[Mapping[tuple[str, str], Handler]] = {
    ("GET", "/api/3.0/mlflow/server-info"): listing.server,
    **{(method, f"{MLFLOW}/{path}"): handler for (method, path), handler in _MLFLOW.items()},
    **{(method, f"{V1}/{path}"): handler for (method, path), handler in _V1.items()},
}
