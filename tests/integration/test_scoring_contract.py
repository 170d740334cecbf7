"""The routes, headers and error bodies of Azure ML's inference server, on the running container.

Sources: azureml-inference-server-http's routes.py and input_parsers.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.served import ENV_YML, Served
from tests.project import write_tree

pytestmark = pytest.mark.docker

JSON = {"Content-Type": "application/json"}
PLAIN = """
import json

def init():
    pass

def run(raw_data):
    if raw_data == "fail":
        raise RuntimeError("secret detail")
    if raw_data == "slow":
        import time
        time.sleep(30)
    return {"got": raw_data}
"""
SCHEMA = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

def init():
    pass

@input_schema("data", StandardPythonParameterType([1, 2]))
def run(data):
    return sum(data)
"""
RAW = """
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    return AMLResponse(request.method + " " + request.get_data(as_text=True), 201, {"x-own": "1"})
"""


def served_with(folder: Path, script: str, name: str) -> Served:
    write_tree(folder, {"env.yml": ENV_YML, "score.py": script})
    return Served(folder, "--no-watch", name=name)


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, base_image: str, docker_cleanup: str
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("plain")
    with served_with(folder, PLAIN, f"{docker_cleanup}-plain") as served:
        yield served


def test_liveness(plain: Served) -> None:
    reply = plain.request("GET", "/")
    assert (reply.status, reply.body) == (200, b"Healthy")
    assert "x-ms-run-function-failed" not in reply.headers


def test_post_gives_the_body_as_text_and_json_back(plain: Served) -> None:
    reply = plain.request("POST", "/score", "grün".encode(), JSON)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"got": "grün"}


def test_get_gives_the_query_as_json(plain: Served) -> None:
    reply = plain.request("GET", "/score?a=1&b=x&c=1&c=2")
    assert json.loads(reply.json()["got"]) == {"a": 1, "b": "x", "c": [1, 2]}


def test_options_is_empty(plain: Served) -> None:
    reply = plain.request("OPTIONS", "/score")
    assert (reply.status, reply.body) == (200, b"")


def test_headers_of_an_answer(plain: Served) -> None:
    headers = plain.request("POST", "/score", b"x", JSON).headers
    assert headers["x-ms-run-function-failed"] == "False"
    assert headers["x-ms-server-version"] == "azmlinfsrv/1.5.1"
    assert headers["x-ms-run-fn-exec-ms"].split(".")[1].isdigit()
    assert headers["x-request-id"] == headers["x-ms-request-id"]
    assert uuid.UUID(headers["x-request-id"]).version == 4
    assert "x-ms-client-request-id" not in headers


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"x-request-id": "A"}, {"x-request-id": "A", "x-ms-request-id": "A"}),
        ({"x-ms-request-id": "B"}, {"x-ms-request-id": "B", "x-ms-client-request-id": "B"}),
        ({"x-ms-client-request-id": "C"}, {"x-ms-request-id": "C", "x-ms-client-request-id": "C"}),
        (
            {"x-ms-request-id": "B", "x-ms-client-request-id": "C"},
            {"x-ms-request-id": "B", "x-ms-client-request-id": "C"},
        ),
    ],
)
def test_request_ids(plain: Served, sent: dict[str, str], expected: dict[str, str]) -> None:
    headers = plain.request("POST", "/score", b"x", {**JSON, **sent}).headers
    assert {name: headers.get(name) for name in expected} == expected


def test_an_exception_in_run_is_hidden_from_the_client(plain: Served) -> None:
    reply = plain.request("POST", "/score", b"fail", JSON)
    assert reply.status == 500
    said = "An unexpected error occurred in scoring script. Check the logs for more info."
    assert reply.json() == {"message": said}
    assert reply.headers["x-ms-run-function-failed"] == "True"
    assert b"secret detail" not in reply.body
    plain.wait_for_output("RuntimeError: secret detail")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "message"),
    [
        ("PUT", "/score", {}, 405, "The method is not allowed for the requested URL."),
        ("POST", "/", {}, 405, "The method is not allowed for the requested URL."),
        ("GET", "/nowhere", {}, 404, "The requested URL was not found on the server."),
        ("POST", "/score", {"x-request-id": "a" * 101}, 431, "x-request-id must not exceed 100"),
        ("GET", "/swagger.json?version=9", {}, 404, "Swagger version [9] is not valid. Supported"),
    ],
)
def test_refusals(
    plain: Served, method: str, path: str, headers: dict[str, str], status: int, message: str
) -> None:
    reply = plain.request(method, path, b"x" if method != "GET" else None, headers)
    assert reply.status == status
    assert reply.json()["message"].startswith(message)


@pytest.mark.parametrize("version", ["2", "3", "3.1"])
def test_swagger(plain: Served, version: str) -> None:
    document = plain.request("GET", f"/swagger.json?version={version}").json()
    assert str(document.get("swagger") or document.get("openapi")).startswith(version)


def test_input_schema(tmp_path: Path, base_image: str, fresh_name: Callable[[], str]) -> None:
    with served_with(tmp_path, SCHEMA, fresh_name()) as served:
        assert served.score({"data": [20, 22]}) == 42
        cases = [
            (b"not json", JSON, 400, "POST body could not be decoded as JSON"),
            (b"[1]", JSON, 400, "POST body should be a JSON dictionary."),
            (b"{}", JSON, 400, "A value is not provided for the 'data' parameter."),
            (b"{}", {"Content-Type": "text/plain"}, 415, "Expects Content-Type to be"),
        ]
        for body, headers, status, message in cases:
            reply = served.request("POST", "/score", body, headers)
            assert reply.status == status
            assert reply.json()["message"].startswith(message)


def test_raw_http(tmp_path: Path, base_image: str, fresh_name: Callable[[], str]) -> None:
    with served_with(tmp_path, RAW, fresh_name()) as served:
        reply = served.request("POST", "/score", b"body")
        assert (reply.status, reply.body) == (201, b"POST body")
        assert reply.headers["x-own"] == "1"
        assert served.request("OPTIONS", "/score").body == b"OPTIONS "


def test_scoring_timeout(tmp_path: Path, base_image: str, fresh_name: Callable[[], str]) -> None:
    env = ENV_YML + "variables:\n  SCORING_TIMEOUT_MS: '300'\n"
    write_tree(tmp_path, {"env.yml": env, "score.py": PLAIN})
    with Served(tmp_path, "--no-watch", name=fresh_name()) as served:
        reply = served.request("POST", "/score", b"slow", JSON)
        assert reply.status == 500
        assert reply.json() == {"message": "Scoring timeout after 300 ms"}
        assert reply.headers["x-ms-run-function-failed"] == "True"
