"""An edit of env.yml while `serve --watch` runs: the service follows, nobody restarts anything."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Serve
from tests.integration.served import ENV_YML, Served
from toolkit.engines.docker import DockerEngine
from toolkit.plans.emulation import LABEL_NAME

pytestmark = pytest.mark.docker

SCORE_PY = """
import os
from importlib.metadata import PackageNotFoundError, version

def init():
    pass

def run(raw_data):
    try:
        found = version("six")
    except PackageNotFoundError:
        found = None
    try:
        import six
        loaded = six.__version__
    except ImportError:
        loaded = None
    answer = {"listed": found, "loaded": loaded, "color": os.environ.get("COLOR")}
    if "stop" in raw_data:
        answer["stopped"] = True
    return answer
"""
BREAKPOINT = 19
BROUGHT = r"reloaded the service in \d+ ms"


def save(served: Served, *lines: str, more: str = "") -> None:
    """env.yml with these packages beside the server."""
    listed = "".join(f"      - {line}\n" for line in lines)
    (served.project / "env.yml").write_text(ENV_YML.lstrip() + listed + more)


def answer(version: str | None, color: str | None = None) -> dict[str, Any]:
    return {"listed": version, "loaded": version, "color": color}


def container(engine: DockerEngine, served: Served) -> str:
    (handle,) = engine.find({LABEL_NAME: served.name})
    return handle.id


def test_packages_come_change_and_go_under_the_same_debug_session(
    serve: Serve, engine: DockerEngine
) -> None:
    with serve({"score.py": SCORE_PY}, "--debug") as served, served.debug() as session:
        session.set_breakpoints(served.project / "score.py", [BREAKPOINT])
        session.wait_for_worker()
        before = container(engine, served)
        assert served.score({}) == answer(None)
        for count, (version, told) in enumerate(
            [
                ("1.16.0", "six==1.16.0 added"),
                ("1.17.0", r"six 1\.16\.0 -> 1\.17\.0"),
                (None, r"six==1\.17\.0 removed"),
            ],
            start=1,
        ):
            save(served, *([f"six=={version}"] if version else []))
            served.wait_for_line(f"environment changed: {told}")
            served.wait_for_count(BROUGHT, count)
            served.wait_for_answer({}, answer(version))
        assert container(engine, served) == before
        later = served.score_later({"stop": 1})
        stop = session.wait_for_stop()
        assert (stop.function, stop.line) == ("run", BREAKPOINT)
        session.continue_(stop)
        assert later() == {**answer(None), "stopped": True}


def test_the_next_start_finds_an_image_of_the_new_environment(serve: Serve) -> None:
    with serve({"score.py": SCORE_PY}) as served:
        save(served, "six==1.17.0")
        line = served.wait_for_line("image for the next start: ")
        tag = line.rpartition("start: ")[2].removesuffix(" (unchanged)")
    said = subprocess.run(
        ["docker", "run", "--rm", tag, "python", "-c", "import six; print(six.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "1.17.0\n"
    with serve({"score.py": SCORE_PY, "env.yml": env_text("six==1.17.0")}) as again:
        again.wait_for_line(rf"image {tag} \(unchanged\)")
        assert again.score({}) == answer("1.17.0")


def env_text(*lines: str) -> str:
    return ENV_YML.lstrip() + "".join(f"      - {line}\n" for line in lines)


def test_an_edit_that_is_no_good_is_told_once_and_changes_nothing(
    serve: Serve, engine: DockerEngine
) -> None:
    with serve({"score.py": SCORE_PY}) as served:
        before = container(engine, served)
        save(served, "six==99.0")
        served.wait_for_line("no set of versions meets these requirements: `six==99.0`")
        served.wait_for_line("the service goes on with the environment it has")
        (served.project / "env.yml").touch()
        save(served, "nonsense: [")
        served.wait_for_line("error: env.yml:8: ")
        assert served.score({}) == answer(None)
        assert served.count("no set of versions") == 1
        save(served, "six==1.17.0")
        served.wait_for_answer({}, answer("1.17.0"))
        assert container(engine, served) == before


def test_what_packages_cannot_do_takes_a_new_container(serve: Serve, engine: DockerEngine) -> None:
    with serve({"score.py": SCORE_PY}, "--debug") as served:
        before = container(engine, served)
        save(served, "six==1.17.0", more="variables:\n  COLOR: blue\n")
        served.wait_for_line("environment changed: .*another Dockerfile")
        served.wait_for_line("runs in a new container, from aml-emu/tiny:")
        served.wait_for_line("attach again")
        assert served.score({}) == answer("1.17.0", "blue")
        assert container(engine, served) != before
        with served.debug() as session:
            session.wait_for_worker()


def test_code_and_environment_saved_together_are_one_reload(serve: Serve) -> None:
    with serve({"score.py": SCORE_PY}) as served:
        script = served.project / "score.py"
        script.write_text("import six\n" + SCORE_PY.replace('"color"', '"colour"'))
        save(served, "six==1.17.0")
        wanted = {"listed": "1.17.0", "loaded": "1.17.0", "colour": None}
        served.wait_for_line(r"reloaded score\.py in \d+ ms")  # until then both may answer
        assert served.score({}) == wanted
        assert served.count("reloaded ") == 1


def test_the_environment_may_lie_elsewhere(serve: Serve, tmp_path: Path) -> None:
    """The file is watched wherever it is, whatever else changes beside it."""
    served = serve({"score.py": "", "code/score.py": SCORE_PY}, script="code/score.py")
    with served:
        (served.project / "notes.txt").write_text("nothing to do with it")
        save(served, "six==1.16.0")
        served.wait_for_answer({}, answer("1.16.0"))
