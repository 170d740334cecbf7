"""Starting the server of a replica anew, on an engine in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, Script
from tests.unit.live.test_endpoint_state import BLUE
from toolkit.engines.base import ExecResult
from toolkit.errors import EngineUnavailable
from toolkit.live.endpoint import Endpoints, Serving
from toolkit.live.orphans import restart_server
from toolkit.plans import emulation
from toolkit.plans.model import LaunchPlan

REPLICA = "iris.blue.1"
ASKED = ("env", "SVWAIT=45", "sv", "restart", "gunicorn")


def told(folder: Path, engine: FakeEngine, serving: Serving = BLUE) -> str:
    return restart_server(
        serving,
        REPLICA,
        endpoints=Endpoints(folder),
        endpoint="iris",
        environ={},
        engine_of=lambda _: engine,
    )


def engine_with(folder: Path, result: ExecResult, *, name: str = REPLICA) -> FakeEngine:
    engine = FakeEngine(known=["tiny:1"], script=Script(replies={ASKED: result}))
    labels = {
        emulation.LABEL_KIND: "service",
        emulation.LABEL_NAME: name,
        emulation.LABEL_PROJECT: str(Endpoints(folder).project),
        emulation.LABEL_ENDPOINT: "iris",
        emulation.LABEL_DEPLOYMENT: "blue",
    }
    engine.launch(LaunchPlan(kind="service", name=name, image="tiny:1", labels=labels))
    return engine


@pytest.mark.parametrize(
    ("exit_code", "output", "said"),
    [
        (0, "ok: run: gunicorn: (pid 9) 0s\n", "started anew: ok: run: gunicorn: (pid 9) 0s"),
        (1, "timeout: down: gunicorn: 45s\n", "could not be started anew: timeout: down"),
    ],
)
def test_what_became_of_it_is_said(tmp_path: Path, exit_code: int, output: str, said: str) -> None:
    engine = engine_with(tmp_path, ExecResult(exit_code=exit_code, output=output))
    assert f"server of `{REPLICA}` {said}" in told(tmp_path, engine)
    engine.close()


def test_a_replica_that_is_gone_or_not_ours_to_start(tmp_path: Path) -> None:
    other = engine_with(tmp_path, ExecResult(exit_code=0, output=""), name="iris.blue.2")
    assert told(tmp_path, other) == f"blue: `{REPLICA}` is gone"
    own = replace(BLUE, has_runit=False)
    assert "a container of your own" in told(tmp_path, other, own)
    other.close()


def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    def unreachable(_name: object) -> FakeEngine:
        raise EngineUnavailable("no Docker")

    said = restart_server(
        BLUE,
        REPLICA,
        endpoints=Endpoints(tmp_path),
        endpoint="iris",
        environ={},
        engine_of=unreachable,
    )
    assert said == f"blue: `{REPLICA}` could not be started anew: no Docker"
