"""The main job: a breakpoint in the local file, edits served on save, the session kept."""

from __future__ import annotations

import json
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.served import SCORE_PY

pytestmark = pytest.mark.docker

BREAKPOINT = 9  # `doubled = …` in SCORE_PY
RELOADED = r"reloaded .* in \d+ ms"


def edit(script: Path, old: str, new: str) -> None:
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))


def test_breakpoint_in_the_local_file_stops_the_request(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served, served.debug() as session:
        script = served.project / "score.py"
        session.wait_for_worker()
        session.set_breakpoints(script, [BREAKPOINT])
        answer = served.score_later({"number": 21})
        stop = session.wait_for_stop()
        assert (stop.file, stop.function) == (str(script), "run")
        assert session.locals(stop)["number"] == "21"
        assert served.request("GET", "/").body == b"Healthy"  # while the request is paused
        session.continue_(stop)
        assert answer() == {"answer": 42}


def test_launch_json_is_merged_with_what_was_there(serve: Serve) -> None:
    mine = """
    {
        // mine
        "version": "0.2.0",
        "configurations": [
            { "name": "tests", "type": "debugpy", "request": "launch", }, // keep
        ]
    }
    """
    with serve({".vscode": {"launch.json": mine}}, "--debug", "--no-watch") as served:
        text = (served.project / ".vscode" / "launch.json").read_text()
        assert "// mine" in text
        assert '{ "name": "tests", "type": "debugpy", "request": "launch", }, // keep' in text
        start = text.index("{", text.index('"configurations"'))
        ours, _ = json.JSONDecoder().raw_decode(text[start:])
        assert ours["connect"] == {"host": "127.0.0.1", "port": served.debug_port}
        assert ours["pathMappings"] == [
            {"localRoot": "${workspaceFolder}", "remoteRoot": "/var/azureml-app"}
        ]


def test_a_broken_launch_json_and_a_document_on_stdout(serve: Serve) -> None:
    with serve(
        {".vscode": {"launch.json": '{"configurations": ['}}, "--debug", "--no-watch", "--json"
    ) as served:
        assert served.score({"number": 2}) == {"answer": 4}
        with served.debug() as session:
            session.wait_for_worker()
        outcome = served.end().assert_failed(130)
    document = json.loads(outcome.out)  # what the service says is on stderr
    assert document["scoring_uri"] == f"http://127.0.0.1:{served.port}/score"
    assert document["debugger"] == f"127.0.0.1:{served.debug_port}"
    assert "Users's init has completed successfully" in outcome.err
    assert "no launch configuration was written" in outcome.err
    assert f"any DAP client: 127.0.0.1:{served.debug_port}" in outcome.err
    text = (served.project / ".vscode" / "launch.json").read_text()
    assert text == '{"configurations": ['


def test_wait_holds_init_until_the_debugger_is_there(serve: Serve) -> None:
    served = serve(None, "--wait", "60", "--no-watch")
    served.start()
    try:
        served.wait_for_line("waiting up to 60 s for a debugger")
        served.wait_for_output("debugger on port 5678")
        with served.debug() as session:
            session.set_breakpoints(served.project / "score.py", [5])
            stop = session.wait_for_stop()
            assert stop.function == "init"
            session.continue_(stop)
            served.wait_for_line("serves ")
            assert served.score({"number": 1}) == {"answer": 2}
    finally:
        served.end()


def test_wait_has_a_real_time_out(serve: Serve) -> None:
    with serve(None, "--wait", "2", "--no-watch") as served:
        assert served.score({"number": 1}) == {"answer": 2}


@pytest.mark.parametrize("mode", ["restart", "fork", "swap"])
def test_a_save_is_served_and_a_mistake_is_not(serve: Serve, mode: str) -> None:
    with serve({"helper.py": "WORD = 'one'\n"}, "--reload", mode) as served:
        script = served.project / "score.py"
        edit(script, '{"answer": doubled}', '{"answer": doubled, "mode": "new"}')
        served.wait_for_count(RELOADED, 1)
        assert served.score({"number": 1}) == {"answer": 2, "mode": "new"}
        good = script.read_text()
        script.write_text(good + "\ndef broken(:\n")
        served.wait_for_line("the old code goes on answering")
        served.wait_for_line("SyntaxError")
        assert served.score({"number": 2}) == {"answer": 4, "mode": "new"}
        script.write_text(good.replace('"new"', '"mended"'))
        served.wait_for_count(RELOADED, 2)
        assert served.score({"number": 1}) == {"answer": 2, "mode": "mended"}
        assert served.count("SyntaxError") == 1


def test_write_and_rename_and_helper_modules_reload(serve: Serve) -> None:
    script = SCORE_PY.replace("import json\n", "import json\nimport helper\n").replace(
        "number * factor", "number * helper.FACTOR"
    )
    with serve({"score.py": script, "helper.py": "FACTOR = 2\n"}) as served:
        assert served.score({"number": 1}) == {"answer": 2}
        scratch = served.project / "helper.py.tmp"
        scratch.write_text("FACTOR = 5\n")
        scratch.replace(served.project / "helper.py")
        served.wait_for_answer({"number": 1}, {"answer": 5})


def test_a_checkout_of_many_files_is_one_reload(serve: Serve) -> None:
    files = {f"module{i}.py": "X = 1\n" for i in range(40)}
    with serve(files) as served:

        def git(*arguments: str) -> None:
            subprocess.run(
                ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
                cwd=served.project, check=True, capture_output=True,
            )  # fmt: skip

        git("init", "-q")
        git("add", "-A")
        git("commit", "-qm", "one")
        for path in served.project.glob("module*.py"):
            path.write_text("X = 2\n")
        served.wait_for_line(RELOADED)
        edit(served.project / "score.py", '"answer"', '"second"')
        served.wait_for_line("reloaded score.py in")  # and what was reloaded before was told before
        before = served.count(RELOADED)
        git("checkout", "-q", "--", ".")
        served.wait_for_answer({"number": 1}, {"answer": 2})
        served.wait_for_count(RELOADED, before + 1)


def test_the_session_survives_reloads_and_binds_in_the_new_code(serve: Serve) -> None:
    with serve(None, "--debug") as served, served.debug() as session:
        script = served.project / "score.py"
        session.set_breakpoints(script, [BREAKPOINT])
        session.wait_for_worker()
        for number in range(5):
            edit(script, f'"answer{number or ""}"', f'"answer{number + 1}"')
            served.wait_for_count(RELOADED, number + 1)
            answer = served.score_later({"number": 3})
            stop = session.wait_for_stop()
            assert stop.line == BREAKPOINT
            session.continue_(stop)
            assert answer() == {f"answer{number + 1}": 6}


def test_an_exception_in_run_stops_with_no_breakpoint_set(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served, served.debug() as session:
        session.wait_for_worker()
        with ThreadPoolExecutor() as pool:
            reply = pool.submit(
                served.request, "POST", "/score", b"{}", {"Content-Type": "application/json"}
            )
            stop = session.wait_for_stop()
            assert (stop.reason, stop.function, stop.line) == ("exception", "run", 8)
            session.continue_(stop)
            assert reply.result(30).status == 500


def test_a_held_debug_port_is_refused_before_anything_is_built(serve: Serve) -> None:
    served = serve({"env.yml": "name: never-built\ndependencies:\n  - python=3.11\n"}, "--debug")
    with socket.create_server(("127.0.0.1", served.debug_port)):
        served.start()
        outcome = served.wait().assert_failed(6)
    assert f"error: port {served.debug_port} is in use by `" in outcome.err


def test_debug_port_is_not_reachable_from_elsewhere(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served:
        listening = subprocess.run(
            ["docker", "port", f"aml-emu-{served.name}"], capture_output=True, text=True, check=True
        ).stdout
        assert listening.count("->") == 3
        assert all(line.split("-> ")[1].startswith("127.0.0.1:") for line in listening.splitlines())
