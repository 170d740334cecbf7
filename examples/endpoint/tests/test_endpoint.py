"""Tests of the example as its author would write them: `pytest`, with aml-emu installed."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FLOWERS = json.loads((PROJECT / "code" / "sample-request.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def aml_emu_project():
    return PROJECT


@pytest.fixture(scope="session")
def blue(aml_emu):
    return aml_emu.deploy("blue.yml", endpoint="endpoint.yml")


def test_flowers_are_told_apart(blue):
    assert blue.invoke(FLOWERS) == {"species": ["setosa", "virginica"], "deployment": "blue"}


def test_a_request_without_data_is_a_model_error(blue):
    answer = blue.send(b"{}")
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"


def test_a_wrong_key_is_refused(blue):
    assert blue.send(b"{}", key="wrong").status == 401
