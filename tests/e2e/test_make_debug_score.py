"""The README's first command, from a clean clone: everything is set up, and a breakpoint is hit."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dap import DapSession
from tests.integration.served import Served
from toolkit.engines.base import Engine
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import choose
from toolkit.plans.emulation import LABEL_CODE

ROOT = Path(__file__).parents[2]
APP = "/var/azureml-app"
DOCKER_HIDDEN = "unix:///hidden.sock"


@dataclass(frozen=True)
class Machine:
    """What a user has: Docker or not. `app` is the code folder as the service sees it."""

    engine: Engine
    environ: Mapping[str, str]
    told: str
    app: str


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first `make` in it sets it up."""
    path = tmp_path_factory.mktemp("first") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(path)], check=True)
    return path


@pytest.fixture
def example(clone: Path) -> Iterator[Path]:
    """The example, which the test may edit."""
    yield clone / "examples" / "sklearn"
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=clone, check=True)


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "no docker"])
def machine(request: pytest.FixtureRequest, example: Path, tmp_path: Path) -> Machine:
    if request.param == "docker":
        request.getfixturevalue("base_image")
        return Machine(request.getfixturevalue("engine"), {}, "image aml-emu/sklearn:", APP)
    uv_cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")
    environ = {
        "DOCKER_HOST": DOCKER_HIDDEN,
        "XDG_CACHE_HOME": str(tmp_path),
        "UV_CACHE_DIR": uv_cache,
    }
    plain = choose(os.environ).rung == "plain"
    told = f"no Docker engine answers at {DOCKER_HIDDEN}: using process"
    engine = ProcessEngine({**os.environ, **environ})
    return Machine(engine, environ, told, str(example) if plain else APP)


def line_of(script: Path, text: str) -> int:
    lines = script.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_make_debug_score(clone: Path, example: Path, machine: Machine) -> None:
    script = example / "score.py"
    request = json.loads((example / "sample-request.json").read_text())
    served = Served(clone, name="sklearn", command=["make", "debug-score"], environ=machine.environ)
    with served:
        served.wait_for_line("curl http://127.0.0.1:")
        served.wait_for_line("F5 in VS Code")
        served.wait_for_line("edit .*score.py")
        served.wait_for_line(machine.told)
        assert served.score(request) == {"species": ["setosa", "virginica"]}
        mappings = [(str(example), machine.app)]
        with DapSession("127.0.0.1", served.debug_port, path_mappings=mappings) as session:
            session.wait_for_worker()
            session.set_breakpoints(script, [line_of(script, "predicted = ")])
            answer = served.score_later(request)
            stop = session.wait_for_stop()
            assert (stop.file, stop.function) == (str(script), "run")
            assert "raw_data" in session.locals(stop)
            session.continue_(stop)
            assert answer() == {"species": ["setosa", "virginica"]}
        script.write_text(script.read_text().replace('{"species"', '{"kinds"'))
        served.wait_for_line("reloaded score.py")
        assert served.score(request) == {"kinds": ["setosa", "virginica"]}
        served.interrupt()
        served.wait(60)
    assert machine.engine.find({LABEL_CODE: str(example)}) == []
