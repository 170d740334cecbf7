"""`debug explain` and `debug trace` against a service that really runs, with and without an IDE."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Serve
from tests.integration.served import Served
from tests.project import Outcome

pytestmark = pytest.mark.docker

BREAKPOINT = 9  # `doubled = …` in SCORE_PY
BLANK = 6


def debug(served: Served, *arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.cli", "debug", *arguments],
        cwd=served.project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Outcome(exit_code=done.returncode, out=done.stdout, err=done.stderr)


def explain(served: Served, place: str) -> dict[str, Any]:
    outcome = debug(served, "explain", place, served.name, "--json")
    document: dict[str, Any] = json.loads(outcome.out)
    assert outcome.exit_code == int(not document["binds"]), outcome.err
    return document


def test_explain_follows_a_breakpoint_from_nothing_to_bound_and_back(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served:
        script, place = served.project / "score.py", f"score.py:{BREAKPOINT}"
        assert explain(served, place)["verdict"] == "not-attached"
        with served.debug() as session:
            session.wait_for_worker()
            assert explain(served, place)["verdict"] == "not-set"
            session.set_breakpoints(script, [BREAKPOINT, BLANK])
            found = explain(served, place)
            assert found["verdict"] == "binds"
            assert found["breakpoints"] == [BLANK, BREAKPOINT]
            assert found["sessions"] == [int(pid) for pid in found["loaded_sha256"]]
            assert found["container_file"] == "/var/azureml-app/score.py"
            blank = explain(served, f"score.py:{BLANK}")
            assert blank["verdict"] == "no-code"
            assert blank["problems"][0]["todo"] == "set it on line 7"
            script.write_text(script.read_text() + "# newer\n")
            older = explain(served, place)
            assert older["verdict"] == "older"
            assert older["sha256"] == older["container_sha256"]
            assert older["sha256"] not in older["loaded_sha256"].values()
        assert explain(served, place)["problems"][-1]["code"] == "not-attached"


def test_explain_says_where_debugpy_really_moves_a_breakpoint(serve: Serve) -> None:
    script = """
    def init():
        pass

    def run(raw_data):
        word = "one"
        # a comment
        return word
    """
    with serve({"score.py": script}, "--debug", "--no-watch") as served:
        found = explain(served, "score.py:6")
        assert "line 6 is a comment; the debugger moves it to line 5, in `run`" in found["said"]
        with served.debug() as session:
            session.wait_for_worker()
            session.set_breakpoints(served.project / "score.py", [6])
            answer = served.score_later({})
            stop = session.wait_for_stop()
            assert (stop.line, stop.function) == (5, "run")
            session.continue_(stop)
            assert answer() == "one"


def test_explain_of_files_that_no_breakpoint_binds_in(serve: Serve) -> None:
    files = {"unused.py": "x = 1\n", "deep": {"broken.py": "def (:\n"}}
    with serve(files, "--debug", "--no-watch") as served:
        assert explain(served, "unused.py:1")["verdict"] == "not-loaded"
        assert explain(served, "deep/broken.py:1")["verdict"] == "broken"
        assert explain(served, "/opt/aml-emu/lib/aml_emu/agent.py:30")["verdict"] == "library"
        elsewhere = served.project.parent / "elsewhere.py"
        elsewhere.write_text("x = 1\n")
        assert explain(served, f"{elsewhere}:1")["verdict"] == "outside"
        debug(served, "explain", "nowhere.py:1").assert_failed(2)
        debug(served, "explain", "score.py").assert_failed(2)


def test_explain_of_a_service_without_a_debugger(serve: Serve) -> None:
    with serve() as served:
        outcome = debug(served, "explain", "score.py:9", served.name).assert_failed(1)
        assert outcome.out.startswith("score.py:9 does not bind: ")
        assert "was started without a debugger" in outcome.out
        assert "do       start it again with `--debug`" in outcome.out


def test_trace_prints_values_and_leaves_nothing_changed(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served:
        data = '{"number": 21}'
        arguments = ("--print", "number + 1", "--print", "nope", "--data", data)
        outcome = debug(served, "trace", "score.py:9", served.name, *arguments).assert_success()
        (line,) = outcome.out.splitlines()
        hit = json.loads(line)
        assert hit.pop("thread")
        assert hit == {
            "file": str(served.project / "score.py"),
            "line": BREAKPOINT,
            "function": "run",
            "values": {
                "number + 1": "22",
                "nope": {"error": "NameError: name 'nope' is not defined"},
            },
        }
        assert '200 {"answer": 42}' in outcome.err
        assert served.score({"number": 1}) == {"answer": 2}  # nothing stops there any more
        found = explain(served, "score.py:9")
        assert (found["client"], found["breakpoints"]) == (None, [])


def test_trace_counts_hits_of_other_peoples_requests(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "toolkit.cli", "debug", "trace", "score.py:9", served.name,
                "--times", "3", "--print", "number",
            ],
            cwd=served.project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr
        assert process.stdout
        assert "waiting until score.py:9 runs" in process.stderr.readline()
        for number in range(3):
            assert served.score({"number": number}) == {"answer": 2 * number}
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert [json.loads(line)["values"]["number"] for line in out.splitlines()] == list("012")


def test_trace_refuses_what_cannot_work(serve: Serve) -> None:
    with serve(None, "--debug", "--no-watch") as served:
        assert "is blank" in debug(served, "trace", "score.py:6", served.name).assert_failed(2).err
        late = debug(served, "trace", "score.py:9", served.name, "--timeout", "0.5")
        assert "0 of 1 hits of score.py:9 within 0.5 s" in late.assert_failed(5).err
        passed = debug(served, "trace", "score.py:5", served.name, "--data", '{"number": 1}')
        assert "without passing score.py:5" in passed.assert_failed(5).err
        with served.debug() as session:
            session.wait_for_worker()
            refused = debug(served, "trace", "score.py:9", served.name).assert_failed(6)
            assert "tests is attached to" in refused.err
            assert session.workers
        bodies = ("--data", "{}", "--file", "score.py")
        debug(served, "trace", "score.py:9", served.name, *bodies).assert_failed(2)


def test_trace_goes_on_through_a_reload(serve: Serve) -> None:
    with serve(None, "--debug") as served:
        script: Path = served.project / "score.py"
        process = subprocess.Popen(
            [
                sys.executable, "-m", "toolkit.cli", "debug", "trace", "score.py:9", served.name,
                "--print", "factor",
            ],
            cwd=served.project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr
        assert "waiting until" in process.stderr.readline()
        script.write_text(script.read_text().replace("factor = 2", "factor = 3"))
        served.wait_for_count(r"reloaded .* in \d+ ms", 1)
        assert served.score({"number": 1}) == {"answer": 3}
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert json.loads(out)["values"] == {"factor": "3"}
