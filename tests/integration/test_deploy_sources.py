"""Where the parts of a deployment come from and go to: workspace, MLflow models, datastores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.desk import VERSIONS, Desk
from tests.project import write_tree

pytestmark = pytest.mark.docker

ENVIRONMENT = "{image: mcr.microsoft.com/azureml/x, conda_file: env.yml}"
MLMODEL = """
flavors:
  python_function:
    loader_module: doubling
    code: code
    data: factor.txt
    python_version: '3.11'
mlflow_version: 3.1.0
"""
DOUBLING = """
class Model:
    def __init__(self, factor):
        self.factor = factor

    def predict(self, model_input):
        return model_input * self.factor

def _load_pyfunc(path):
    with open(path) as file:
        return Model(int(file.read()))
"""


@pytest.mark.parametrize(
    ("which", "six"),
    [(":1", []), ("@latest", ["1.17.0"])],
)
def test_a_registered_environment_is_deployed(
    desk: Desk, docker_cleanup: str, which: str, six: list[str]
) -> None:
    name = f"{docker_cleanup}-asset"
    asset = "name: {}\nversion: {}\nimage: mcr.microsoft.com/azureml/x\nconda_file: {}\n"
    plain = (desk.project.path / "env.yml").read_text()
    write_tree(
        desk.project.path,
        {
            "code": {"score.py": VERSIONS},
            "one.yml": asset.format(name, 1, "env.yml"),
            "two.yml": asset.format(name, 2, "two-env.yml"),
            "two-env.yml": f"{plain}      - six==1.17.0\n",
        },
    )
    for file in ("one.yml", "two.yml"):
        desk.project.run("register", file).assert_success()
    desk.edit("blue.yml", f"environment: {ENVIRONMENT}", f"environment: azureml:{name}{which}")
    desk.deploy("blue.yml", "--strict").assert_success()
    assert desk.answer({"number": 4})["six"] == six


def test_an_environment_that_nobody_has_registered(desk: Desk) -> None:
    desk.edit("blue.yml", f"environment: {ENVIRONMENT}", "environment: azureml:nowhere:1")
    failed = desk.deploy("blue.yml").assert_failed(2)
    assert "blue.yml:5: no environment of that name is registered or curated" in failed.err


def test_an_mlflow_model_needs_no_code_and_no_environment(desk: Desk) -> None:
    write_tree(
        desk.project.path,
        {
            "mlmodel": {
                "MLmodel": MLMODEL,
                "factor.txt": "2",
                "requirements.txt": "mlflow-skinny\nnumpy\npandas\n",
                "code": {"doubling.py": DOUBLING},
            },
            "flow.yml": f"name: flow\nendpoint_name: {desk.name}\n"
            "instance_type: Standard_DS3_v2\n"
            "model: {name: m, version: '1', type: mlflow_model, path: mlmodel}\n",
        },
    )
    desk.deploy("flow.yml").assert_success()
    table = {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}
    told = desk.invoke({"input_data": table}).assert_success()
    assert json.loads(told.out) == [{"a": 2, "b": 4}, {"a": 6, "b": 8}]
    desk.invoke({"data": table}).assert_failed(1)


def test_collected_data_go_to_the_datastore_that_the_project_names(desk: Desk) -> None:
    settings = desk.project.path / "aml-emu.toml"
    settings.write_text(settings.read_text() + '[datastores]\nworkspaceblobstore = "./blob"\n')
    collector = "data_collector: {collections: {request: {enabled: true}}, rolling_rate: year}\n"
    blue = desk.project.path / "blue.yml"
    blue.write_text(blue.read_text() + collector)
    desk.deploy("blue.yml", "--strict").assert_success()
    desk.answer({"number": 4})

    def lines(folder: str) -> list[str]:
        place = desk.project.path / folder / "modelDataCollector" / desk.name / "blue/request"
        return [line for path in place.rglob("*.jsonl") for line in path.read_text().splitlines()]

    assert wait_for(lambda: bool(lines("blob")))
    assert json.loads(lines("blob")[0])["data"] == {"number": 4}
    assert lines(".aml-emu/data") == []
    settings.write_text(settings.read_text().replace("./blob", "./elsewhere"))
    assert "(1 replica(s))" in desk.deploy("blue.yml").assert_success().err
    desk.answer({"number": 5})
    assert wait_for(lambda: bool(lines("elsewhere")))


def test_what_was_emulated_loosely_is_not_promoted(desk: Desk) -> None:
    blue = desk.project.path / "blue.yml"
    scale = "scale_settings: {type: target_utilization, min_instances: 1, max_instances: 3}\n"
    blue.write_text(blue.read_text() + scale)
    desk.deploy("blue.yml").assert_success()
    refused = desk.project.run("promote", desk.name).assert_failed(2)
    assert f"{blue}: `scale_settings.type`" in refused.err
    assert refused.out == ""
    commands = desk.project.run("promote", desk.name, "--force").assert_success().out.splitlines()
    file = Path("blue.yml")
    assert f"az ml online-deployment create --endpoint-name {desk.name} --file {file}" in commands


def test_load_is_counted_by_status(desk: Desk) -> None:
    desk.deploy("blue.yml").assert_success()
    flags = ("--rps", "10", "--for", "3", "--json", "--data")
    good = desk.project.run("load", desk.name, *flags, '{"number": 1}').assert_success()
    found = json.loads(good.out)
    assert found["statuses"] == {"200": found["requests"]}
    assert found["requests"] >= 20
    bad = json.loads(desk.project.run("load", desk.name, *flags, "{}").assert_failed(1).out)
    assert bad["failures"] == bad["requests"] > 0
    assert set(bad["statuses"]) == {"424"}
