"""The peers: other ways to get a save into a server, in the same image with the same code."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from benchmarks.reload.emulator import START_SECONDS, serve
from benchmarks.reload.project import Project
from benchmarks.reload.subject import Running, Subject
from benchmarks.reload.traffic import ask, wait_until
from toolkit.engines.docker import DockerEngine
from toolkit.plans import azureml
from toolkit.plans.model import LaunchPlan, Mount
from toolkit.plans.service import Scoring, plan_service

PACKAGES = ("uvicorn==0.54.0", "starlette==1.10.0", "watchfiles==1.3.0")
INSIDE = PurePosixPath("/opt/peers")
_PORT = str(azureml.SCORING_PORT)
_SERVICE = str(azureml.RUNIT_TREE / azureml.SERVER_SERVICE)


def subjects() -> list[Subject]:
    gunicorn = ("gunicorn", "--reload", "--bind", f"0.0.0.0:{_PORT}", "flask_app:app")
    uvicorn = (
        "python", "-m", "uvicorn", "--reload", "--host", "0.0.0.0", "--port", _PORT,
        "starlette_app:app",
    )  # fmt: skip
    flask = (
        "flask", "--app", "flask_app", "run", "--debug", "--host", "0.0.0.0", "--port", _PORT,
    )  # fmt: skip
    return [
        Subject(name="sv restart", start=restarted, is_slow=True),
        Subject(name="gunicorn --reload", start=partial(launched, command=gunicorn), is_slow=True),
        Subject(name="uvicorn --reload", start=partial(launched, command=uvicorn), is_slow=True),
        Subject(name="flask --debug", start=partial(launched, command=flask), is_slow=True),
    ]


@contextmanager
def restarted(project: Project) -> Iterator[Running]:
    """The plain service; somebody restarts it by runit's own command after each save."""
    with serve(project, flags=("--no-watch",)) as running:
        command = ("sv", "restart", _SERVICE)
        yield replace(running, after_save=lambda: _succeed(running, command))


@contextmanager
def launched(project: Project, *, command: tuple[str, ...]) -> Iterator[Running]:
    """The image, mounts and variables of the plain service, with another server in it."""
    engine, image = DockerEngine(os.environ), built_image(project)
    scoring = Scoring(
        name=f"test-bench-{secrets.token_hex(4)}",
        script=project.script,
        models=(project.folder / "model",),
        port=None,
    )
    plan = plan_service(scoring, image=image, project=project.folder)
    handle = engine.launch(
        replace(
            plan,
            kind="run",
            command=command,
            env={**plan.env, **_paths(command)},
            mounts=(
                *plan.mounts,
                Mount(source=packages(engine, image, project), target=INSIDE, read_only=True),
            ),
            working_dir=azureml.APP_ROOT,
            labels={},
        )
    )
    try:
        port = handle.address(azureml.SCORING_PORT).port
        if not wait_until(
            lambda: ask(port, project.request, timeout=2.0).version == project.version,
            START_SECONDS,
        ):
            raise RuntimeError(f"{command} does not answer:\n{b''.join(handle.logs(tail=30))!r}")
        yield Running(handle=handle, port=port)
    finally:
        handle.stop(grace=2)


def built_image(project: Project) -> str:
    """The tag of the image that `serve` uses for the same environment."""
    command = [sys.executable, "-m", "toolkit.cli", "build", "--env", "env.yml"]
    done = subprocess.run(
        command, cwd=project.folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def packages(engine: DockerEngine, image: str, project: Project) -> Path:
    """A folder with what the peers need and the image does not have, for its Python."""
    folder = project.folder.parent / "peers"
    if folder.is_dir():
        return folder
    python, machine = _python(engine, image)
    command = [
        str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet",
        "--target", str(folder),
        "--python-version", python, "--python-platform", f"{machine}-unknown-linux-gnu",
        "--only-binary", ":all:", *PACKAGES,
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return folder


def _python(engine: DockerEngine, image: str) -> tuple[str, str]:
    """The image's own Python and machine."""
    code = "import json,platform as p; print(json.dumps([p.python_version(), p.machine()]))"
    name = f"test-bench-{secrets.token_hex(4)}"
    handle = engine.launch(
        LaunchPlan(kind="run", name=name, image=image, command=("python", "-c", code))
    )
    try:
        handle.wait(60)
        version, machine = json.loads(b"".join(handle.logs()))
    finally:
        handle.stop(grace=0)
    return str(version), str(machine)


def _succeed(running: Running, command: tuple[str, ...]) -> None:
    result = running.handle.exec(command)
    if result.exit_code:
        raise RuntimeError(f"{' '.join(command)}: {result.output}")


def _paths(command: tuple[str, ...]) -> Mapping[str, str]:
    """Only the server that needs them sees the peers' packages."""
    return {"PYTHONPATH": str(INSIDE)} if "uvicorn" in command else {}
