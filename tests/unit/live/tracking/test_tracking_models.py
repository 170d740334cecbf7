from __future__ import annotations

from typing import Any

import pytest

from tests.unit.live.tracking.conftest import MLFLOW, Client
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace


@pytest.fixture
def logged(client: Client, run: Run) -> str:
    """A model in the run's artifacts, as MLflow 2 logs one."""
    client.put(f"runs/{run.name}/model/MLmodel", b"flavors: {}")
    client.put(f"runs/{run.name}/model/data/model.pkl", b"pickle")
    return f"runs:/{run.name}/model"


def register(client: Client, source: str, **more: Any) -> dict[str, Any]:
    answer = client.post("model-versions/create", {"name": "iris", "source": source, **more})
    assert answer.status == 200, answer.body
    return dict(answer.json["model_version"])


def test_a_version_is_a_model_of_the_workspace(
    client: Client, run: Run, logged: str, workspace: Workspace
) -> None:
    tags = [{"key": "a", "value": "b"}]
    assert register(client, logged, run_id=run.name, tags=tags)["version"] == "1"
    model = workspace.assets.get("model", "azureml:iris@latest")
    assert (model.type, model.source_run, model.tags) == ("mlflow_model", run.name, {"a": "b"})
    assert model.path is not None
    assert (model.path / "data/model.pkl").read_bytes() == b"pickle"
    uri = client.get("model-versions/get-download-uri?name=iris&version=1").json["artifact_uri"]
    assert uri == "mlflow-artifacts:/models/iris/1"
    assert client.read("models/iris/1/data/model.pkl").body == b"pickle"
    assert client.put("models/iris/1/MLmodel", b"x").error == (403, "PERMISSION_DENIED")


def test_versions_count_and_aliases_are_labels(
    client: Client, logged: str, workspace: Workspace
) -> None:
    register(client, logged)
    client.put(logged.replace(":/", "/") + "/more", b"1")
    assert register(client, logged)["version"] == "2"
    alias = {"name": "iris", "alias": "champion", "version": "1"}
    assert client.post("registered-models/alias", alias).status == 200
    assert workspace.assets.get("model", "iris@champion").version == "1"
    by_alias = client.get("registered-models/alias?name=iris&alias=champion").json["model_version"]
    assert (by_alias["version"], by_alias["aliases"]) == ("1", ["champion"])
    model = client.get("registered-models/get?name=iris").json["registered_model"]
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    assert model["latest_versions"][0]["version"] == "2"
    found = client.get("model-versions/search?filter=name%3D%27iris%27").json["model_versions"]
    assert [each["version"] for each in found] == ["2", "1"]
    path = MLFLOW + "registered-models/alias?name=iris&alias=champion"
    assert client.ask("DELETE", path).status == 200
    missing = client.get("registered-models/alias?name=iris&alias=champion")
    assert missing.error == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_registered_model_without_versions(client: Client) -> None:
    created = client.post("registered-models/create", {"name": "empty", "description": "d"})
    assert created.json["registered_model"]["description"] == "d"
    again = client.post("registered-models/create", {"name": "empty"})
    assert again.error == (400, "RESOURCE_ALREADY_EXISTS")
    client.post("registered-models/set-tag", {"name": "empty", "key": "k", "value": "v"})
    query = "filter=tags.%60mlflow.prompt.is_prompt%60%20!%3D%20%27true%27"
    found = client.get(f"registered-models/search?{query}").json["registered_models"]
    assert [each["tags"] for each in found] == [[{"key": "k", "value": "v"}]]
    assert (
        client.ask("DELETE", f"{MLFLOW}registered-models/delete", {"name": "empty"}).status == 200
    )
    assert client.get("registered-models/get?name=empty").status == 404


@pytest.mark.parametrize(
    ("name", "source", "status"),
    [
        ("iris", "runs:/nobody/model", 404),
        ("iris", "RUN/none", 404),
        ("iris", "s3://bucket/model", 400),
        ("iris", "models:/m-0123abcd", 404),
        ("iris", "models:/none/1", 404),
        ("../up", "RUN/model", 400),
        ("", "RUN/model", 400),
        ("iris", "RUN/../../x", 400),
    ],
)
def test_what_cannot_be_registered(
    client: Client, run: Run, logged: str, name: str, source: str, status: int
) -> None:
    body = {"name": name, "source": source.replace("RUN", f"runs:/{run.name}")}
    assert client.post("model-versions/create", body).status == status


def test_stages_are_refused_with_advice(client: Client, logged: str) -> None:
    register(client, logged)
    body = {"name": "iris", "version": "1", "stage": "Production"}
    answer = client.post("model-versions/transition-stage", body)
    assert answer.status == 400
    assert "alias" in answer.json["message"]


def create(client: Client, run: Run, name: str) -> dict[str, Any]:
    experiment = client.get(f"runs/get?run_id={run.name}").json["run"]["info"]["experiment_id"]
    body = {"experiment_id": experiment, "name": name, "source_run_id": run.name}
    return dict(client.post("logged-models", body).json["model"]["info"])


def finish(client: Client, model: str) -> None:
    body = {"status": "LOGGED_MODEL_READY"}
    assert client.ask("PATCH", f"{MLFLOW}logged-models/{model}", body).status == 200


def test_a_logged_model_lies_in_its_run(client: Client, run: Run) -> None:
    model = create(client, run, "model")
    assert model["artifact_uri"] == f"mlflow-artifacts:/runs/{run.name}/model"
    client.put(f"runs/{run.name}/model/MLmodel", b"flavors: {}")
    finish(client, model["model_id"])
    listed = client.get(f"logged-models/{model['model_id']}/artifacts/directories").json["files"]
    assert [each["path"] for each in listed] == ["MLmodel"]
    tagged = {"tags": [{"key": "a", "value": "b"}]}
    client.ask("PATCH", f"{MLFLOW}logged-models/{model['model_id']}/tags", tagged)
    metric = {"run_id": run.name, "key": "acc", "value": 0.5, "model_id": model["model_id"]}
    client.post("runs/log-metric", metric)
    search = {"experiment_ids": [model["experiment_id"]], "filter": "tags.a = 'b'"}
    found = client.post("logged-models/search", search).json["models"]
    assert found[0]["info"]["status"] == "LOGGED_MODEL_READY"
    assert found[0]["data"]["metrics"][0]["value"] == 0.5
    assert register(client, f"models:/{model['model_id']}")["model_id"] == model["model_id"]


def test_the_last_model_of_a_name_has_it(client: Client, run: Run) -> None:
    first = create(client, run, "model")["model_id"]
    client.put(f"runs/{run.name}/model/MLmodel", b"first")
    finish(client, first)
    create(client, run, "model")
    client.put(f"runs/{run.name}/model/MLmodel", b"second")
    info = client.get(f"logged-models/{first}").json["model"]["info"]
    place = info["artifact_uri"].partition(":/")[2]
    assert client.read(f"{place}/MLmodel").body == b"first"
    assert client.read(f"runs/{run.name}/model/MLmodel").body == b"second"


def test_an_unfinished_model_keeps_its_name(client: Client, run: Run) -> None:
    create(client, run, "model")
    second = create(client, run, "model")
    assert second["artifact_uri"].endswith(f"/model-{second['model_id']}")
