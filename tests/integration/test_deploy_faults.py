"""Deployments that fail while they serve, and what stands in front of them then."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import wait_for
from tests.integration.desk import SCORE, Desk, deployment
from tests.project import write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.plans.emulation import LABEL_ENDPOINT

pytestmark = pytest.mark.docker

HANGING = "import time\n" + SCORE.replace(
    "    return", "    if body.get('hang'):\n        time.sleep(600)\n    return"
)
LIVENESS = (
    "liveness_probe: {initial_delay: 1, period: 1, timeout: 1, failure_threshold: 2}\n"
    "request_settings: {request_timeout_ms: 1500, max_queue_wait_ms: 60000}\n"
)


def test_others_take_over_when_a_replica_dies_under_load(desk: Desk) -> None:
    patient = "request_settings: {max_concurrent_requests_per_instance: 8, max_queue_wait_ms: 9000}"
    text = deployment("green", desk.name, f"instance_count: 2\n{patient}\n")
    (desk.project.path / "green.yml").write_text(text)
    desk.deploy("green.yml").assert_success()
    first, second = desk.replicas("green")

    over, statuses = threading.Event(), Counter[int]()

    def call() -> None:
        while not over.is_set():
            statuses[desk.call("POST", "/score", b'{"number": 1}').status] += 1

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(call)
        try:
            assert wait_for(lambda: statuses[200] > 50)
            desk.kill(first)
            said = f"replica `{first}` does not answer any more"
            assert wait_for(lambda: said in desk.log), desk.log
        finally:
            over.set()
    assert set(statuses) == {200}
    assert "1 of 2 take requests" in desk.log
    desk.kill(second)
    assert desk.call("POST", "/score", b'{"number": 1}').status == 500
    assert "0 of 2 take requests" in desk.log


def test_a_server_that_hangs_is_started_anew(desk: Desk) -> None:
    """It takes as long as a pod's grace period: gunicorn gives the request 30 s to end."""
    write_tree(desk.project.path, {"code": {"score.py": HANGING}})
    (desk.project.path / "blue.yml").write_text(deployment("blue", desk.name, LIVENESS))
    desk.deploy("blue.yml").assert_success()
    (replica,) = desk.replicas("blue")
    assert desk.call("POST", "/score", b'{"hang": 1}').status == 408
    failed = f"blue: the liveness probe of `{replica}` failed"
    assert wait_for(lambda: failed in desk.log, timeout=30), desk.log
    assert wait_for(lambda: "started anew: ok: run: " in desk.log, timeout=60), desk.log
    assert wait_for(
        lambda: desk.call("POST", "/score", b'{"number": 3}').status == 200, timeout=30
    ), desk.log
    assert desk.log.count(failed) == 1


def test_a_kubernetes_deployment_answers_as_its_ingress_does(desk: Desk) -> None:
    more = (
        "type: kubernetes\nresources: {limits: {cpu: 500m, memory: 512Mi}}\n"
        "request_settings: {request_timeout_ms: 1500}\n"
    )
    write_tree(desk.project.path, {"code": {"score.py": HANGING}})
    (desk.project.path / "blue.yml").write_text(deployment("blue", desk.name, more))
    desk.deploy("blue.yml", "--strict").assert_failed(2)  # an `instance_type` of no cluster here
    desk.edit("blue.yml", "instance_type: Standard_DS3_v2\n", "")
    desk.deploy("blue.yml", "--strict").assert_success()
    (blue,) = desk.replicas("blue")
    limits = subprocess.run(
        [
            *("docker", "inspect", "--format", "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}"),
            f"aml-emu-{blue}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert limits.split() == ["500000000", str(512 << 20)]
    assert desk.call("POST", "/score", b"{}").status == 500  # the model's own: no 424
    with ThreadPoolExecutor(5) as threads:
        calls = [threads.submit(desk.call, "POST", "/score", b'{"hang": 1}') for _ in range(5)]
        assert Counter(call.result().status for call in calls) == {504: 1, 503: 4}
    desk.kill(blue)
    assert desk.call("POST", "/score", b'{"number": 1}').status == 502
    assert f"replica `{blue}` does not answer any more" in desk.log


def test_tokens_and_the_largest_request(desk: Desk) -> None:
    desk.edit("endpoint.yml", "auth_mode: key", "auth_mode: aml_token")
    desk.deploy("blue.yml", "--endpoint", "endpoint.yml").assert_success()
    assert desk.answer({"number": 1})["answer"] == 2  # with a token that the command asked for
    assert desk.call("POST", "/score", b'{"number": 1}').status == 401  # a key is no token
    told = json.loads(desk.project.run("credentials", desk.name).assert_success().out)
    assert told["expiryTimeUtc"] > told["refreshAfterTimeUtc"]
    token = f"Bearer {told['accessToken']}"
    assert desk.call("POST", "/score", b'{"number": 1}', Authorization=token).status == 200
    large = desk.call("POST", "/score", b"x" * 1_572_865, Authorization=token)
    assert large.status == 413
    swagger = desk.call("GET", "/swagger.json", Authorization=token)
    assert swagger.json()["paths"]["/score"]


def test_traffic_for_a_deployment_that_is_not_there(desk: Desk, engine: DockerEngine) -> None:
    desk.edit("endpoint.yml", "auth_mode: key", "traffic: {bleu: 100}")
    failed = desk.deploy("blue.yml", "--endpoint", "endpoint.yml").assert_failed(2)
    assert "endpoint.yml:2: no deployment named `bleu`" in failed.err
    assert "`blue`" in failed.err
    assert not engine.find({LABEL_ENDPOINT: desk.name})
