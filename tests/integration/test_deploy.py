"""Deployments on Docker: the files a user has, the endpoint he calls, what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.desk import Desk, deployment
from tests.project import write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.engines.ports import is_free
from toolkit.live.endpoint import Endpoints
from toolkit.plans.emulation import LABEL_ENDPOINT

pytestmark = pytest.mark.docker


def test_two_deployments_share_an_endpoint(desk: Desk, engine: DockerEngine) -> None:
    told = desk.deploy("blue.yml", "--endpoint", "endpoint.yml", "--json").assert_success()
    document = json.loads(told.out)
    assert document["scoring_uri"] == f"http://127.0.0.1:{desk.port}/score"
    assert document["traffic"] == {"blue": 100}
    desk.deploy("green.yml").assert_success()
    assert desk.answer({"number": 4}) == {"answer": 8, "who": "blue"}
    named = desk.answer({"number": 4}, "--deployment", "green")
    assert named == {"answer": 8, "who": "green"}
    desk.project.run("traffic", desk.name, "blue=50", "green=50").assert_success()
    assert {desk.answer({"number": 1})["who"] for _ in range(4)} == {"blue", "green"}
    (blue,) = engine.find({LABEL_ENDPOINT: desk.name, "io.aml-emu.deployment": "blue"})
    seen = blue.exec(["printenv", "AZUREML_MODEL_DIR", "AML_APP_ROOT"])
    model_dir, app_root = seen.output.split()
    assert model_dir == "/var/azureml-app/azureml-models/weights/7"
    assert Path(app_root) == Path("/var/azureml-app/code")
    desk.project.run("stop", f"{desk.name}.green").assert_success()
    assert desk.answer({"number": 1})["who"] == "blue"


def test_nothing_changed_is_left_alone_and_a_change_replaces_it(desk: Desk) -> None:
    desk.deploy("blue.yml").assert_success()
    before = desk.state.deployments["blue"].replicas
    assert "(unchanged)" in desk.deploy("blue.yml").assert_success().err
    assert desk.state.deployments["blue"].replicas == before
    script = desk.project.path / "code" / "score.py"
    script.write_text(script.read_text().replace('"answer"', '"result"'))
    desk.deploy("blue.yml").assert_success()
    assert desk.state.deployments["blue"].replicas != before
    assert desk.answer({"number": 1}) == {"result": 2, "who": "blue"}


def test_a_new_version_that_fails_leaves_the_old_one_serving(
    desk: Desk, engine: DockerEngine
) -> None:
    desk.deploy("blue.yml").assert_success()
    script = desk.project.path / "code" / "score.py"
    script.write_text(script.read_text().replace("global weights", 'raise ValueError("no")'))
    failed = desk.deploy("blue.yml").assert_failed(1)
    assert "ValueError: no" in failed.err
    assert desk.answer({"number": 3})["answer"] == 6
    assert len(engine.find({LABEL_ENDPOINT: desk.name})) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("traffic", "blue=90"), "traffic must sum to 100"),
        (("traffic", "red=100"), "no deployment named `red`"),
    ],
)
def test_traffic_that_the_cloud_refuses(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    desk.deploy("blue.yml").assert_success()
    command, share = arguments
    assert said in desk.project.run(command, desk.name, share).assert_failed(2).err
    assert desk.state.traffic == {"blue": 100}


def test_keys_and_model_errors_as_in_the_cloud(desk: Desk) -> None:
    desk.deploy("blue.yml").assert_success()
    refused = json.loads(desk.invoke({}, "--key", "wrong", "--json").assert_failed(1).out)
    assert refused["status"] == 401
    broken = json.loads(desk.invoke({}, "--json").assert_failed(1).out)
    assert broken["status"] == 424
    assert broken["headers"]["ms-azureml-model-error-statuscode"] == "500"
    old = desk.state.primary
    desk.project.run("credentials", desk.name, "--regenerate", "primary").assert_success()
    again = json.loads(desk.invoke({}, "--key", old, "--json").assert_failed(1).out)
    assert again["status"] == 401


def test_files_that_name_different_endpoints(desk: Desk) -> None:
    (desk.project.path / "endpoint.yml").write_text("name: other\n")
    failed = desk.deploy("blue.yml", "--endpoint", "endpoint.yml").assert_failed(2)
    assert f"the deployment is for `{desk.name}`, but endpoint.yml is of `other`" in failed.err


def test_strict_refuses_what_is_not_exact(desk: Desk) -> None:
    path = desk.project.path / "blue.yml"
    path.write_text(path.read_text() + "app_insights_enabled: true\n")
    failed = desk.deploy("blue.yml", "--strict").assert_failed(2)
    assert "`app_insights_enabled` is ignored" in failed.err


def test_replicas_that_exceed_the_memory(desk: Desk) -> None:
    huge = "type: kubernetes\ninstance_count: 3\nresources: {requests: {memory: 4000Gi}}\n"
    (desk.project.path / "blue.yml").write_text(deployment("blue", desk.name, huge))
    failed = desk.deploy("blue.yml").assert_failed(2)
    assert "3 replicas of 4000.0 GiB do not fit into this machine's memory" in failed.err


def test_a_killed_router_is_started_again(desk: Desk) -> None:
    desk.deploy("blue.yml").assert_success()
    router = desk.state.router
    assert router is not None
    os.kill(router.pid, signal.SIGKILL)
    told = desk.invoke({"number": 5}).assert_success()
    assert json.loads(told.out)["answer"] == 10
    assert f"the router of `{desk.name}` was gone" in told.err


def test_a_killed_command_leaves_nothing_running(desk: Desk, engine: DockerEngine) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "deploy", "blue.yml", "--port", str(desk.port)],
        cwd=desk.project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        endpoints = Endpoints(desk.project.path / ".aml-emu")

        def is_served() -> bool:
            state = endpoints.find(desk.name)
            return state is not None and bool(state.deployments)

        assert wait_for(is_served, timeout=120)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert wait_for(lambda: not engine.find({LABEL_ENDPOINT: desk.name}), timeout=30)
    assert wait_for(lambda: is_free(desk.port), timeout=30)


def test_requests_are_recorded_and_replayed(desk: Desk) -> None:
    desk.deploy("blue.yml", "--record").assert_success()
    desk.answer({"number": 1})
    desk.answer({"number": 2})
    kept = json.loads(desk.project.run("replay", desk.name, "--list", "--json").out)
    assert [each["status"] for each in kept] == [200, 200]
    again = desk.project.run("replay", desk.name, kept[0]["id"]).assert_success()
    assert json.loads(again.out) == {"answer": 2, "who": "blue"}
    desk.project.run("replay", desk.name, "--all", "--diff").assert_success()
    script = desk.project.path / "code" / "score.py"
    script.write_text(script.read_text().replace("* weights", "* weights + (body['number'] == 2)"))
    desk.deploy("blue.yml", "--record").assert_success()
    changed = desk.project.run("replay", desk.name, "--all", "--diff").assert_failed(1)
    assert '-  "answer": 4,\n+  "answer": 5,' in changed.out
    assert "1 of 2 answers changed" in changed.err


@pytest.mark.parametrize("is_registered", [False, True])
def test_a_container_of_ones_own(desk: Desk, docker_cleanup: str, *, is_registered: bool) -> None:
    server = (
        "import http.server, os\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.answer(b'well')\n"
        "    def do_POST(self):\n"
        "        n = int(self.headers['Content-Length'])\n"
        "        where = os.environ['AZUREML_MODEL_DIR']\n"
        "        model = open(where + '/model/weights.txt', 'rb').read()\n"
        "        self.answer(self.rfile.read(n)[::-1] + model)\n"
        "    def answer(self, body):\n"
        "        self.send_response(200); self.send_header('Content-Length', str(len(body)))\n"
        "        self.end_headers(); self.wfile.write(body)\n"
        "http.server.ThreadingHTTPServer(('0.0.0.0', 8501), H).serve_forever()\n"
    )
    routes = "".join(f"  {name}_route: {{port: 8501, path: /{path}}}\n" for name, path in (
        ("liveness", "live"), ("readiness", "ready"), ("scoring", "predict")))  # fmt: skip
    environment = f"build: {{path: image}}\ninference_config:\n{routes}"
    inline = "\n" + textwrap.indent(environment, "  ")
    named = f" azureml:{docker_cleanup}-own@latest\n"
    write_tree(
        desk.project.path,
        {
            "image": {
                "server.py": server,
                "Dockerfile": "FROM aml-emu/base\nCOPY server.py /\nCMD python3 /server.py\n",
            },
            "own.yml": f"name: own\nendpoint_name: {desk.name}\nmodel_mount_path: /models\n"
            "model: {name: m, version: '1', path: model}\ninstance_type: Standard_DS3_v2\n"
            f"environment:{named if is_registered else inline}",
            "env-own.yml": f"name: {docker_cleanup}-own\nversion: 1\n{environment}",
        },
    )
    if is_registered:
        desk.project.run("register", "env-own.yml").assert_success()
    desk.deploy("own.yml").assert_success()
    told = desk.invoke("abc").assert_success()
    assert told.out == '"cba"2\n\n'


def test_a_registered_model_is_deployed(desk: Desk) -> None:
    write_tree(
        desk.project.path,
        {"model.yml": "name: weights\nversion: 9\ntype: custom_model\npath: model\n"},
    )
    desk.project.run("register", "model.yml").assert_success()
    text = deployment("blue", desk.name).replace(
        '{name: weights, version: "7", path: model}', "azureml:weights:9"
    )
    (desk.project.path / "blue.yml").write_text(text)
    desk.deploy("blue.yml").assert_success()
    assert desk.answer({"number": 4})["answer"] == 8
    commands = desk.project.run("promote", desk.name).assert_success().out.splitlines()
    assert commands[0].startswith("az ml model create --name weights --version 9")
    assert commands[-1].endswith("--traffic blue=100")
