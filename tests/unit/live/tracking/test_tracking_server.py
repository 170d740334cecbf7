from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.live.tracking.conftest import Client
from toolkit.errors import EngineUnavailable
from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace


def test_nothing_is_told_without_a_token(client: Client, run: Run) -> None:
    for token in ("", "nonsense", "a.b.c"):
        stranger = replace(client, token=token)
        answer = stranger.get(f"runs/get?run_id={run.name}")
        assert answer.error == (401, "UNAUTHENTICATED")
        assert stranger.get("none").error == (401, "UNAUTHENTICATED")
        assert stranger.put(f"runs/{run.name}/a", b"x").error == (401, "UNAUTHENTICATED")


def test_a_token_of_another_process_is_no_token(
    client: Client, run: Run, workspace: Workspace
) -> None:
    with Tracking(workspace, binds=[]) as another:
        stranger = replace(client, token=another.token_for(run.name))
        assert stranger.get(f"runs/get?run_id={run.name}").status == 401


def test_a_page_that_was_made_to_point_here_is_refused(client: Client, run: Run) -> None:
    for host in ("evil.example", "evil.example:80", ""):
        page = replace(client, headers={"Host": host})
        assert page.get(f"runs/get?run_id={run.name}").error == (403, "PERMISSION_DENIED")


def test_another_runs_token_changes_nothing(client: Client, new_run: Callable[..., Run]) -> None:
    other = new_run()
    body = {"run_id": other.name, "key": "m", "value": 1}
    for path in ("runs/log-metric", "runs/set-tag", "runs/log-parameter", "runs/delete"):
        assert client.post(path, body).error == (403, "PERMISSION_DENIED")
    assert client.get(f"runs/get?run_id={other.name}").status == 200


def test_a_step_logs_to_its_pipeline_and_its_siblings(
    tracking: Tracking, new_run: Callable[..., Run]
) -> None:
    pipeline = new_run(kind="pipeline")
    steps = [new_run(kind="step", parent=pipeline.name) for _ in range(2)]
    client = Client(tracking.port, tracking.token_for(steps[0].name))
    for run in (pipeline, *steps):
        body = {"run_id": run.name, "key": "m", "value": 1}
        assert client.post("runs/log-metric", body).status == 200


def test_the_users_own_token_changes_everything(tracking: Tracking, run: Run) -> None:
    client = Client(tracking.port, tracking.token_for(None))
    assert client.post("runs/set-tag", {"run_id": run.name, "key": "a", "value": "b"}).status == 200


def test_all_addresses_are_refused(workspace: Workspace) -> None:
    for bind in ("0.0.0.0", "::"):
        with pytest.raises(ValueError, match="must not listen"):
            Tracking(workspace, binds=[bind])


def test_an_address_of_another_machine(workspace: Workspace) -> None:
    with (
        pytest.raises(EngineUnavailable, match=r"192\.0\.2\.1"),
        Tracking(workspace, binds=["192.0.2.1"]),
    ):
        pass


def test_one_port_on_every_address(workspace: Workspace, run: Run) -> None:
    with Tracking(workspace, binds=["127.0.0.2"]) as tracking:
        for host in ("127.0.0.1", "127.0.0.2"):
            connection = http.client.HTTPConnection(host, tracking.port, timeout=5)
            headers = {"Authorization": f"Bearer {tracking.token_for(run.name)}"}
            connection.request("GET", "/api/3.0/mlflow/server-info", headers=headers)
            assert connection.getresponse().status == 200
            connection.close()


def test_it_ends_with_its_block(workspace: Workspace) -> None:
    with Tracking(workspace, binds=[]) as tracking:
        port = tracking.port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()


def test_the_variables_of_a_run(tracking: Tracking, run: Run, workspace: Workspace) -> None:
    variables = tracking.variables(run, host="host.docker.internal")
    server = f"http://host.docker.internal:{tracking.port}"
    assert variables["MLFLOW_TRACKING_URI"] == server
    assert variables["MLFLOW_RUN_ID"] == variables["AZUREML_RUN_ID"] == run.name
    assert variables["AZUREML_ARM_PROJECT_NAME"] == variables["MLFLOW_EXPERIMENT_NAME"] == "exp"
    assert variables["AZUREML_WORKSPACE_ID"] == workspace.id
    assert variables["AZUREML_WORKSPACE_SCOPE"].startswith("/subscriptions/")
    claims = variables["AZUREML_RUN_TOKEN"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["run"] == run.name
    claimed = json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"]
    assert int(variables["AZUREML_RUN_TOKEN_EXPIRY"]) == claimed  # seconds, as Azure gives it
    assert "NO_PROXY" not in variables
    inside = Client(
        tracking.port, variables["MLFLOW_TRACKING_TOKEN"], {"Host": "host.docker.internal"}
    )
    assert inside.get(f"runs/get?run_id={run.name}").status == 200


def test_the_way_round_a_proxy(tracking: Tracking, run: Run) -> None:
    given = {"HTTP_PROXY": "http://proxy", "NO_PROXY": "corp"}
    variables = tracking.variables(run, host="172.17.0.1", given=given)
    assert variables["NO_PROXY"] == "corp,172.17.0.1,127.0.0.1,localhost"


def test_a_bug_is_told_in_the_protocols_words(
    client: Client, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/aml-emu/1.0/runs/{run.name}/children"
    answer = client.ask("POST", path, {"runs": [{"tags": ["not", "an", "object"]}]})
    assert answer.error == (500, "INTERNAL_ERROR")
    assert "bug of aml-emu" in answer.json["message"]
    assert "AttributeError" in caplog.text


@pytest.mark.parametrize(
    "metric",
    [
        {"value": 10**400},
        {"value": 1, "step": 1 << 63},
        {"value": 1, "step": float("inf")},
        {"value": 1, "timestamp": -(1 << 70)},
    ],
)
def test_numbers_that_no_column_holds_are_the_clients_mistake(
    client: Client, run: Run, metric: dict[str, float]
) -> None:
    body = {"run_id": run.name, "key": "loss", **metric}
    assert client.post("runs/log-metric", body).error == (400, "INVALID_PARAMETER_VALUE")
