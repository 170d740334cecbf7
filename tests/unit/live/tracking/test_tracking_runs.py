from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.live.tracking.conftest import Client
from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

NewRunFixture = Callable[..., Run]
INVALID = (400, "INVALID_PARAMETER_VALUE")
MISSING = (404, "RESOURCE_DOES_NOT_EXIST")


def info(client: Client, run: str) -> dict[str, Any]:
    return dict(client.get(f"runs/get?run_id={run}").json["run"])


def test_a_run_is_told_with_what_was_logged(client: Client, run: Run, workspace: Workspace) -> None:
    assert (
        client.post("runs/log-parameter", {"run_id": run.name, "key": "lr", "value": "1"}).json
        == {}
    )
    client.post(
        "runs/log-metric", {"run_id": run.name, "key": "loss", "value": 2.5, "timestamp": 1}
    )
    client.post("runs/log-metric", {"run_id": run.name, "key": "loss", "value": "NaN", "step": "3"})
    client.post("runs/set-tag", {"run_id": run.name, "key": "a", "value": "b"})
    found = info(client, run.name)
    assert found["info"]["status"] == "RUNNING"
    assert found["info"]["artifact_uri"] == f"mlflow-artifacts:/runs/{run.name}"
    assert found["data"]["params"] == [{"key": "lr", "value": "1"}]
    assert found["data"]["metrics"][0]["value"] == "NaN"
    assert {"key": "a", "value": "b"} in found["data"]["tags"]
    history = workspace.metrics.history(run.name, "loss")
    assert history[0].value == 2.5
    assert math.isnan(history[1].value)


def test_a_batch_is_all_or_nothing(client: Client, run: Run, workspace: Workspace) -> None:
    batch = {
        "run_id": run.name,
        "metrics": [{"key": "m", "value": 1, "timestamp": 5, "step": 2}],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "mlflow.runName", "value": "renamed"}],
    }
    assert client.post("runs/log-batch", batch).status == 200
    assert workspace.runs.get(run.name).display_name == "renamed"
    changed = {
        **batch,
        "params": [{"key": "p", "value": "2"}],
        "metrics": [{"key": "n", "value": 1}],
    }
    assert client.post("runs/log-batch", changed).error == (400, "INVALID_PARAMETER_VALUE")
    assert set(workspace.metrics.latest(run.name)) == {"m"}


def test_a_parameter_cannot_be_changed(client: Client, run: Run) -> None:
    first = {"run_id": run.name, "key": "p", "value": "1"}
    assert client.post("runs/log-parameter", first).status == 200
    assert client.post("runs/log-parameter", first).status == 200
    again = client.post("runs/log-parameter", {**first, "value": "2"})
    assert again.error == (400, "INVALID_PARAMETER_VALUE")
    assert "`1`" in again.json["message"]


def test_a_job_does_not_end_itself(client: Client, run: Run, workspace: Workspace) -> None:
    answer = client.post("runs/update", {"run_id": run.name, "status": "FINISHED", "end_time": 5})
    assert answer.json["run_info"]["status"] == "RUNNING"
    assert workspace.runs.get(run.name).status == "Running"


def test_what_the_code_begins_it_ends(client: Client, run: Run, workspace: Workspace) -> None:
    tags = [{"key": "mlflow.parentRunId", "value": run.name}, {"key": "t", "value": "v"}]
    experiment = info(client, run.name)["info"]["experiment_id"]
    made = client.post(
        "runs/create", {"experiment_id": experiment, "run_name": "kid", "tags": tags}
    ).json["run"]["info"]
    child = workspace.runs.get(made["run_id"])
    assert (child.kind, child.parent, child.display_name) == ("interactive", run.name, "kid")
    assert child.tags == {"t": "v"}
    client.post("runs/update", {"run_id": child.name, "status": "FAILED"})
    client.post("runs/update", {"run_id": child.name, "status": "FINISHED"})
    assert workspace.runs.get(child.name).status == "Failed"


def test_what_the_code_left_running_ends_with_it(
    client: Client, run: Run, workspace: Workspace, tracking: Tracking
) -> None:
    experiment = info(client, run.name)["info"]["experiment_id"]
    made = client.post("runs/create", {"experiment_id": experiment}).json["run"]["info"]["run_id"]
    assert client.post("runs/set-tag", {"run_id": made, "key": "k", "value": "v"}).status == 200
    workspace.runs.advance(run.name, "Canceled")
    tracking.end(run.name)
    assert workspace.runs.get(made).status == "Canceled"


def test_runs_are_searched(client: Client, run: Run, new_run: NewRunFixture) -> None:
    other = new_run(display_name="other", tags={"a": "1"})
    experiment = info(client, run.name)["info"]["experiment_id"]
    client.post("runs/log-metric", {"run_id": run.name, "key": "m", "value": 1})

    def search(**asked: Any) -> list[str]:
        answer = client.post("runs/search", {"experiment_ids": [experiment], **asked})
        return [found["info"]["run_id"] for found in answer.json["runs"]]

    assert search() == [other.name, run.name]
    assert search(filter="metrics.m = 1") == [run.name]
    assert search(filter="tags.a = '1' and run_name = 'other'") == [other.name]
    assert search(order_by=["metrics.m DESC"]) == [run.name, other.name]
    assert search(max_results=1) == [other.name]
    assert search(max_results=1, page_token="1") == [run.name]
    client.post("runs/delete", {"run_id": run.name})
    assert search() == [other.name]
    assert search(run_view_type="DELETED_ONLY") == [run.name]
    client.post("runs/restore", {"run_id": run.name})
    assert search(run_view_type="ALL") == [other.name, run.name]


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("runs/log-metric", {"key": "m", "value": 1}, INVALID),
        ("runs/log-metric", {"run_id": "nobody", "key": "m", "value": 1}, MISSING),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "value": "high"}, INVALID),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "step": "x"}, INVALID),
        ("runs/log-metric", {"run_id": "RUN", "value": 1}, INVALID),
        ("runs/log-batch", {"run_id": "RUN", "metrics": "none"}, INVALID),
        ("runs/log-batch", {"run_id": "RUN", "metrics": [1]}, INVALID),
        ("runs/update", {"run_id": "RUN", "status": "ODD"}, (200, "")),
        ("runs/search", {"filter": "what is this"}, INVALID),
        ("runs/search", {"experiment_ids": ["x"]}, MISSING),
        ("runs/search", {"run_view_type": "SOME"}, INVALID),
        ("runs/create", {"experiment_id": "x"}, MISSING),
        ("runs/delete-tag", {"run_id": "RUN", "key": "none"}, MISSING),
        ("runs/log-model", {"run_id": "RUN", "model_json": "{"}, INVALID),
        ("runs/get-lost", {}, (404, "ENDPOINT_NOT_FOUND")),
        ("runs/update", [1], INVALID),
        ("runs/update", b"{not json", INVALID),
    ],
)  # fmt: skip
def test_bad_requests(
    client: Client, run: Run, path: str, body: Any, error: tuple[int, str]
) -> None:
    if isinstance(body, dict) and body.get("run_id") == "RUN":
        body = {**body, "run_id": run.name}
    answer = client.post(path, body)
    assert (answer.status, answer.json.get("error_code", "")) == error


def test_an_unknown_route_is_named(client: Client) -> None:
    message = client.post("traces/none", {}).json["message"]
    assert message == "RouteNotEmulated: POST /api/2.0/mlflow/traces/none"


def test_experiments(client: Client, run: Run) -> None:
    made = client.post(
        "experiments/create", {"name": "second", "tags": [{"key": "a", "value": "b"}]}
    )
    id_ = made.json["experiment_id"]
    again = client.post("experiments/create", {"name": "second"})
    assert again.error == (400, "RESOURCE_ALREADY_EXISTS")
    client.post("experiments/update", {"experiment_id": id_, "new_name": "third"})
    found = client.get("experiments/get-by-name?experiment_name=third").json["experiment"]
    assert found["experiment_id"] == id_
    assert found["tags"] == [{"key": "a", "value": "b"}]
    client.post("experiments/delete", {"experiment_id": id_})
    active = client.post("experiments/search", {"filter": "name LIKE '%'"}).json["experiments"]
    assert "third" not in [each["name"] for each in active]
    client.post("experiments/restore", {"experiment_id": id_})
    assert client.get(f"experiments/get?experiment_id={id_}").json["experiment"]["name"] == "third"
    missing = client.get("experiments/get-by-name?experiment_name=none")
    assert missing.error == (404, "RESOURCE_DOES_NOT_EXIST")


def test_histories(client: Client, run: Run) -> None:
    metrics = [{"key": "m", "value": n, "step": n, "timestamp": n} for n in range(100)]
    client.post("runs/log-batch", {"run_id": run.name, "metrics": metrics})
    path = f"metrics/get-history?run_id={run.name}&metric_key=m"
    first = client.get(f"{path}&max_results=60").json
    assert len(first["metrics"]) == 60
    rest = client.get(f"{path}&max_results=60&page_token={first['next_page_token']}").json
    assert [each["step"] for each in rest["metrics"]] == list(range(60, 100))
    bulk = f"metrics/get-history-bulk-interval?run_ids={run.name}&metric_key=m&max_results=5"
    steps = [
        each["step"] for each in client.get(f"{bulk}&start_step=10&end_step=50").json["metrics"]
    ]
    assert (steps[0], steps[-1], len(steps)) == (10, 50, 5)


def test_several_clients_at_once(client: Client, run: Run, workspace: Workspace) -> None:
    failures: list[int] = []

    def work(number: int) -> None:
        for step in range(20):
            body = {"run_id": run.name, "key": f"m{number}", "value": step, "step": step}
            status = client.post("runs/log-metric", body).status
            status = max(status, client.put(f"runs/{run.name}/f/{number}-{step}", b"x").status)
            if status != 200:
                failures.append(status)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all(len(workspace.metrics.history(run.name, f"m{n}")) == 20 for n in range(6))
    assert len(list((workspace.folder_of(run.name) / "artifacts/f").iterdir())) == 120
