"""Serving a script on Docker: what the user sees, what is in the container, what is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import MODEL, Serve
from tests.integration.served import ENV_YML, SCORE_PY
from tests.project import Project, Tree
from toolkit.engines.base import Handle
from toolkit.engines.docker import DockerEngine
from toolkit.engines.ports import free_port
from toolkit.plans.emulation import LABEL_NAME

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]


def the_container(engine: DockerEngine, name: str) -> Handle:
    (handle,) = engine.find({LABEL_NAME: name})
    return handle


def in_container(handle: Handle, code: str) -> str:
    result = handle.exec(["python", "-c", code])
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_serves_until_ctrl_c_and_leaves_nothing_behind(serve: Serve, engine: DockerEngine) -> None:
    with serve({"model": MODEL}, "--model", "model", "--no-watch") as served:
        before = sorted(path.name for path in served.project.iterdir())
        assert served.score({"number": 21}) == {"answer": 42}
        assert "azureml-models" in before  # the mount point, while it is needed
        served.interrupt()
        outcome = served.wait(30).assert_failed(130)
    assert engine.find({LABEL_NAME: served.name}) == []
    left = sorted(path.name for path in served.project.iterdir())
    assert left == [".aml-emu", "env.yml", "model", "score.py"]
    assert "Users's init has completed successfully" in outcome.out
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_it_like_ctrl_c(serve: Serve, number: int) -> None:
    with serve(None, "--no-watch") as served:
        served.interrupt(number)
        served.wait(30).assert_failed(130)


def test_the_container_has_the_inference_layout(serve: Serve, engine: DockerEngine) -> None:
    with serve({"model": MODEL}, "--model", "model", "--no-watch") as served:
        handle = the_container(engine, served.name)
        said = in_container(
            handle,
            "import json, os, sys, importlib.util as u; print(json.dumps({"
            "'prefix': sys.prefix, 'debugpy': u.find_spec('debugpy') is not None,"
            "'alias': os.path.realpath('/var/azureml-apps'),"
            "'tree': sorted(os.listdir('/var/runit')),"
            "'ours': os.path.isdir('/opt/aml-emu/debugpy/debugpy'), 'uid': os.getuid(),"
            "'model': open(os.environ['AZUREML_MODEL_DIR'] + '/model/weights.txt').read(),"
            "'env': {k: os.environ.get(k) for k in ('AML_APP_ROOT', 'AZUREML_MODEL_DIR',"
            "'AZUREML_ENTRY_SCRIPT', 'AZUREML_CONDA_ENVIRONMENT_PATH', 'SVDIR', 'WORKER_TIMEOUT',"
            "'AZUREML_ENVIRONMENT_IMAGE', 'AZUREML_INFERENCE_SERVER_HTTP_ENABLED')}}))",
        )
        assert json.loads(said) == {
            "prefix": "/azureml-envs/tiny",
            "debugpy": False,
            "alias": "/var/azureml-app",
            "tree": ["gunicorn"],
            "ours": True,
            "uid": os.getuid(),
            "model": "42\n",
            "env": {
                "AML_APP_ROOT": "/var/azureml-app",
                "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/model/1",
                "AZUREML_ENTRY_SCRIPT": "score.py",
                "AZUREML_CONDA_ENVIRONMENT_PATH": "/azureml-envs/tiny",
                "SVDIR": "/var/runit",
                "WORKER_TIMEOUT": "300",
                "AZUREML_ENVIRONMENT_IMAGE": "True",
                "AZUREML_INFERENCE_SERVER_HTTP_ENABLED": "True",
            },
        }
        assert handle.address(5001).host == "127.0.0.1"
        with pytest.raises(KeyError):
            handle.address(5678)


def test_a_server_that_dies_ends_the_container_and_the_command(
    serve: Serve, engine: DockerEngine
) -> None:
    with serve(None, "--no-watch") as served:
        the_container(engine, served.name).exec(["killall", "-KILL", "azmlinfsrv"])
        outcome = served.wait(60).assert_failed(5)
    assert "gunicorn/finish" in outcome.err
    assert "is not normal. Killing image." in outcome.err


def test_detached_service_is_found_called_and_stopped(
    project: Callable[[Tree], Project], fresh_name: Callable[[], str], base_image: str
) -> None:
    made = project({"env.yml": ENV_YML, "score.py": SCORE_PY})
    name, port = fresh_name(), free_port()
    started = made.run(
        "serve", "score.py", "--env", "env.yml", "--name", name, "--port", str(port), "--detach",
        "--json",
    ).assert_success()  # fmt: skip
    document = json.loads(started.out)
    assert document["scoring_uri"] == f"http://127.0.0.1:{port}/score"
    rows = {row["name"]: row for row in json.loads(made.run("ps", "--json").out)}
    assert rows[name]["state"] == "running"
    assert rows[name]["url"] == f"http://127.0.0.1:{port}"
    answer = made.run("invoke", name, "--data", '{"number": 4}').assert_success()
    assert json.loads(answer.out) == {"answer": 8}
    failed = made.run("invoke", name, "--data", "{}").assert_failed(1)
    assert "An unexpected error occurred in scoring script" in failed.out
    assert "KeyError: 'number'" in made.run("logs", name).out
    again = made.run("serve", "score.py", "--env", "env.yml", "--name", name).assert_failed(6)
    assert f"service `{name}` is running already" in again.err
    made.run("down").assert_success()
    assert name not in made.run("ps").out
    assert made.run("stop", name).assert_failed(2).err.startswith("error: no service named")


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("def run(d):\n    return d\n", 2, "no `init()` function"),
        ("def init():\n    pass\n", 2, "no `run()` function"),
        ("def init():\n    pass\n\ndef run(d:\n    return d\n", 2, "score.py:4: syntax error"),
        (
            "def init():\n    raise ValueError('no model')\n\ndef run(d):\n    return d\n",
            1,
            "failed while starting: ValueError: no model",
        ),
        (
            "import nowhere_to_be_found\n\ndef init():\n    pass\n\ndef run(d):\n    return d\n",
            1,
            "No module named 'nowhere_to_be_found'",
        ),
    ],
)
def test_a_script_that_cannot_serve_says_why(
    serve: Serve, script: str, code: int, said: str
) -> None:
    served = serve({"score.py": script}, "--no-watch")
    served.start()
    outcome = served.wait().assert_failed(code)
    (message,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert said in message


def test_a_held_port_is_refused_before_anything_is_built(serve: Serve) -> None:
    served = serve({"env.yml": "name: never-built\ndependencies:\n  - python=3.11\n"}, "--no-watch")
    with socket.create_server(("127.0.0.1", served.port)):
        served.start()
        outcome = served.wait().assert_failed(6)
    assert f"error: port {served.port} is in use by `" in outcome.err
    assert f"(pid {os.getpid()})" in outcome.err


def test_a_port_held_by_a_container_names_it(serve: Serve) -> None:
    with serve(None, "--no-watch") as first:
        second = serve(None, "--no-watch")
        second.port = first.port
        outcome = Project(second.project).run(
            "serve", "score.py", "--env", "env.yml", "--name", second.name, "--port",
            str(first.port), "--no-watch",
        )  # fmt: skip
        outcome.assert_failed(6)
        assert f"port {first.port} is in use by container `aml-emu-{first.name}`" in outcome.err


def test_a_path_with_spaces_and_letters_of_the_world(serve: Serve) -> None:
    with serve({"modèle": MODEL}, "--model", "modèle", folder="mein Projekt ü 模型") as served:
        assert served.score({"number": 1}) == {"answer": 2}
        script = served.project / "score.py"
        script.write_text(script.read_text().replace('"answer"', '"réponse"'))
        served.wait_for_answer({"number": 1}, {"réponse": 2})


def test_ctrl_c_while_init_runs_leaves_nothing(serve: Serve, engine: DockerEngine) -> None:
    slow = "import time\n\ndef init():\n    time.sleep(600)\n\ndef run(d):\n    return d\n"
    served = serve({"score.py": slow}, "--no-watch")
    served.start()
    served.wait_for_output("Invoking user's init function")
    served.interrupt()
    served.wait(30).assert_failed(130)
    assert engine.find({LABEL_NAME: served.name}) == []


def test_init_that_takes_too_long_is_reported(serve: Serve, engine: DockerEngine) -> None:
    slow = "import time\n\ndef init():\n    time.sleep(600)\n\ndef run(d):\n    return d\n"
    served = serve({"score.py": slow}, "--no-watch", "--ready-timeout", "4")
    served.start()
    outcome = served.wait().assert_failed(5)
    assert "did not answer within 4 s" in outcome.err
    assert "Invoking user's init function" in outcome.err  # the container's last lines
    assert engine.find({LABEL_NAME: served.name}) == []


def test_what_the_script_writes_belongs_to_the_user(serve: Serve, tmp_path: Path) -> None:
    script = SCORE_PY + "\nopen('written.txt', 'w').write('here')\n"
    with serve({"score.py": script}, "--no-watch") as served:
        written = served.project / "written.txt"
        assert written.read_text() == "here"
        assert written.stat().st_uid == os.getuid()
        assert not (served.project / "__pycache__").exists()
