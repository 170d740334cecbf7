"""`aml-emu serve` where no Docker engine is used: the same command on each rung of the ladder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engines.process_bench import needs
from tests.integration.served import ENV_YML, SCORE_PY, Served
from tests.project import Project, Tree, write_tree
from toolkit.dev.dap_session import DapSession
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import RUNGS
from toolkit.plans.emulation import LABEL_NAME

BREAKPOINT = 9  # `doubled = …` in SCORE_PY
RELOADED = r"reloaded .* in \d+ ms"
Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest) -> str:
    needs(request.param, request)
    return str(request.param)


@pytest.fixture
def environ(cache: Path, rung: str) -> Mapping[str, str]:
    """A user's variables; uv's own cache is shared with everybody, as it would be."""
    uv_cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")
    return {"XDG_CACHE_HOME": str(cache), "UV_CACHE_DIR": uv_cache, "AML_EMU_SANDBOX": rung}


@pytest.fixture
def serve(tmp_path: Path, environ: Mapping[str, str]) -> Iterator[Serve]:
    started: list[str] = []

    def make(files: Tree | None = None, *flags: str, folder: str = "project") -> Served:
        path = tmp_path / folder
        write_tree(path, {"env.yml": ENV_YML, "score.py": SCORE_PY, **(files or {})})
        started.append(f"test-{os.urandom(4).hex()}")
        return Served(path, "--engine", "process", *flags, name=started[-1], environ=environ)

    yield make
    engine = ProcessEngine({**os.environ, **environ})
    for name in started:
        left = engine.find({LABEL_NAME: name})
        for handle in left:
            handle.stop(grace=0)
        assert not left, f"the service left something behind: {name}"


def attach(served: Served, rung: str) -> DapSession:
    """Where nothing can be mounted, the code is debugged where it lies."""
    inside = str(served.project) if rung == "plain" else "/var/azureml-app"
    return DapSession("127.0.0.1", served.debug_port, path_mappings=[(str(served.project), inside)])


def edit(script: Path, old: str, new: str) -> None:
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))


def test_it_scores_says_what_it_uses_and_leaves_nothing(serve: Serve, rung: str) -> None:
    model = {"model": {"weights.txt": "3"}}
    code = """
        import os
        from pathlib import Path

        def init():
            global factor
            factor = int((Path(os.environ["AZUREML_MODEL_DIR"]) / "model/weights.txt").read_text())

        def run(raw_data):
            return {"factor": factor, "root": os.environ["AML_APP_ROOT"], "cwd": os.getcwd()}
        """
    with serve({**model, "score.py": code}, "--model", "model", "--no-watch") as served:
        told = served.score({"number": 1})
        assert told["factor"] == 3
        inside = str(served.project) if rung == "plain" else "/var/azureml-app"
        assert (told["root"], told["cwd"]) == (inside, inside)
        assert served.wait_for_line("no containers: using ")
        assert served.wait_for_line("the network are this machine's")
        project = served.project
    assert not (project / "azureml-models").exists()
    assert not list(project.rglob("__pycache__"))


def test_a_breakpoint_in_the_local_file_stops_the_request(serve: Serve, rung: str) -> None:
    with serve(None, "--debug", "--no-watch") as served, attach(served, rung) as session:
        script = served.project / "score.py"
        session.wait_for_worker()
        session.set_breakpoints(script, [BREAKPOINT])
        answer = served.score_later({"number": 21})
        stop = session.wait_for_stop()
        assert stop.locals()["number"] == "21"
        stop.resume()
        assert answer() == {"answer": 42}


@pytest.mark.parametrize(
    ("rung", "mode"),
    [
        ("bwrap", "restart"),
        ("bwrap", "fork"),
        ("bwrap", "swap"),
        ("unshare", "fork"),
        ("plain", "fork"),
    ],
    indirect=["rung"],
)
def test_a_save_is_served_and_a_mistake_is_not(serve: Serve, mode: str) -> None:
    with serve(None, "--reload", mode) as served:
        script = served.project / "score.py"
        edit(script, '{"answer": doubled}', '{"answer": doubled, "mode": "new"}')
        served.wait_for_count(RELOADED, 1)
        served.wait_for_answer({"number": 2}, {"answer": 4, "mode": "new"})
        edit(script, "doubled = ", "doubled = = ")
        served.wait_for_line("failed, the old code goes on answering")
        assert served.score({"number": 2}) == {"answer": 4, "mode": "new"}


def test_two_projects_serve_side_by_side(serve: Serve) -> None:
    other = SCORE_PY.replace("factor = 2", "factor = 5")
    one, two = serve(None, "--debug"), serve({"score.py": other}, "--debug", folder="other")
    with one, two:
        assert one.score({"number": 1}) == {"answer": 2}
        assert two.score({"number": 1}) == {"answer": 5}


def test_a_script_that_fails_ends_it_with_the_traceback(serve: Serve) -> None:
    served = serve(
        {"score.py": "def init():\n    1 / 0\n\ndef run(x):\n    return x\n"}, "--no-watch"
    )
    served.start()
    ended = served.wait(60)
    assert ended.exit_code == 1, ended
    assert "ZeroDivisionError: division by zero" in ended.err


def test_detached_it_is_listed_read_and_stopped_by_others(
    serve: Serve, environ: Mapping[str, str]
) -> None:
    served = serve(None, "--detach", "--no-watch")
    served.start()
    assert served.wait(120).exit_code == 0
    project = Project(served.project)

    def run(*arguments: str) -> Any:
        return project.run(*arguments, "--engine", "process", environ=environ).assert_success()

    assert re.search(rf"{served.name} +running +http://127.0.0.1:{served.port}", run("ps").out)
    assert served.score({"number": 4}) == {"answer": 8}
    assert "POST /score" in run("logs", served.name).out
    run("stop", served.name)
    assert served.name not in run("ps").out


@pytest.mark.parametrize("rung", ["plain"], indirect=True)
def test_where_no_docker_answers_auto_says_so_and_serves(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    write_tree(tmp_path / "p", {"env.yml": ENV_YML, "score.py": SCORE_PY})
    nowhere = {**environ, "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    name = f"test-{os.urandom(4).hex()}"
    with Served(tmp_path / "p", "--no-watch", name=name, environ=nowhere) as served:
        assert served.score({"number": 1}) == {"answer": 2}
        assert "using process" in served.wait_for_line("using process")
