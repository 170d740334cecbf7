from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.dev.explain import judge
from toolkit.dev.explain_evidence import Evidence, Inside, Place

CODE = Path("/home/me/iris")
LIBRARY = PurePosixPath("/opt/env/numpy/linalg.py")
SOURCE = "import json\n\ndef run(data):\n    # why\n    x = 1\n    return x\n"
BOUND = Inside(
    reloads="fork",
    exists=True,
    sha256="new",
    lines=(1, 3, 5, 6),
    loaded={79: "new"},
    client="Visual Studio Code",
    sessions=(79,),
    breakpoints=(5, 6),
)


def seen(inside: Inside | None = BOUND, *, line: int = 5, **changed: object) -> Evidence:
    evidence = Evidence(
        place=Place(file=CODE / "score.py", line=line),
        source=SOURCE,
        sha256="new",
        service="iris",
        code=CODE,
        state="running",
        remote=PurePosixPath("/var/azureml-app/score.py"),
        is_debuggable=True,
        inside=inside,
    )
    return replace(evidence, **changed)  # type: ignore[arg-type]  # any field


def test_a_breakpoint_that_is_set_in_the_loaded_file_binds() -> None:
    report = judge(seen())
    assert report.binds
    assert (report.verdict, report.problems) == ("binds", ())
    assert report.said == "score.py:5 binds: `iris` stops before the line runs"


@pytest.mark.parametrize(
    ("inside", "verdict", "said"),
    [
        (
            replace(BOUND, exists=False, sha256=None, lines=()),
            "missing",
            "/var/azureml-app/score.py is not in the container",
        ),
        (
            replace(BOUND, sha256="other", loaded={79: "other"}),
            "differs",
            "the container's file is not the same as yours",
        ),
        (
            replace(BOUND, error='  File "score.py"\nSyntaxError: invalid syntax\n', lines=()),
            "broken",
            "it does not compile (SyntaxError: invalid syntax)",
        ),
        (
            replace(BOUND, loaded={}),
            "no-worker",
            "no worker of `iris` serves: init() still runs, or failed",
        ),
        (replace(BOUND, loaded={79: None}), "not-loaded", "no worker has loaded score.py"),
        (replace(BOUND, loaded={79: "old"}), "older", "worker 79 runs an older score.py"),
        (
            replace(BOUND, client="", sessions=(), breakpoints=()),
            "not-attached",
            "no debugger is attached to `iris`",
        ),
        (
            replace(BOUND, sessions=()),
            "no-session",
            "Visual Studio Code has no session with a worker of `iris`",
        ),
        (
            replace(BOUND, breakpoints=(6,)),
            "not-set",
            "Visual Studio Code has set no breakpoint there, only in line 6",
        ),
        (
            replace(BOUND, breakpoints=()),
            "not-set",
            "Visual Studio Code has set no breakpoint there, nor elsewhere in the file",
        ),
    ],
)
def test_what_the_container_says_decides(inside: Inside, verdict: str, said: str) -> None:
    report = judge(seen(inside))
    assert not report.binds
    assert report.verdict == verdict
    assert report.said == f"score.py:5 does not bind: {said}"
    assert all(problem.todo for problem in report.problems)


@pytest.mark.parametrize(
    ("evidence", "verdict", "said"),
    [
        (
            seen(None, service=None, remote=None),
            "no-service",
            "no service holds /home/me/iris/score.py",
        ),
        (
            seen(None, remote=None, code=Path("/srv/iris")),
            "outside",
            "`iris` holds /srv/iris, and /home/me/iris/score.py is elsewhere",
        ),
        (seen(None, state="exited"), "ended", "`iris` does not run (exited)"),
        (
            seen(None, is_debuggable=False),
            "not-debugging",
            "`iris` was started without a debugger",
        ),
        (
            seen(remote=LIBRARY, sha256=None),
            "library",
            f"{LIBRARY} is no code of yours, and `justMyCode` (the default) passes it by",
        ),
    ],
)
def test_what_is_around_the_container_decides_first(
    evidence: Evidence, verdict: str, said: str
) -> None:
    report = judge(evidence)
    assert (report.verdict, report.said) == (verdict, f"score.py:5 does not bind: {said}")


def test_a_line_without_code_tells_where_the_breakpoint_goes_and_where_it_should() -> None:
    report = judge(seen(line=4))
    assert report.verdict == "no-code"
    assert report.problems[0].said == (
        "line 4 is a comment; the debugger moves it to line 3, "
        "which runs when the module is loaded: def run(data):"
    )
    assert report.problems[0].todo == "set it on line 5"
    after_the_end = judge(seen(line=40)).problems[0]
    assert after_the_end.said.endswith("the debugger moves it to line 6, in `run`: return x")
    assert after_the_end.todo == "set it on line 6"


@pytest.mark.parametrize("source", ["", "# nothing yet\n"])
def test_a_file_without_any_code_has_no_line_to_offer(source: str) -> None:
    problem = judge(seen(replace(BOUND, lines=()), line=1, source=source)).problems[0]
    assert problem.code == "no-code"
    assert problem.todo == "set it in another file: none runs here"


def test_all_problems_are_told_and_the_gravest_is_the_verdict() -> None:
    inside = replace(BOUND, client="", sessions=(), breakpoints=(), loaded={79: "old"})
    report = judge(seen(inside, line=2))
    assert [p.code for p in report.problems] == ["no-code", "older", "not-attached"]
    also = [text for label, text in report.facts() if label == "also"]
    assert also == ["worker 79 runs an older score.py", "no debugger is attached to `iris`"]


def test_a_service_that_does_not_watch_is_told_so() -> None:
    stale = replace(BOUND, loaded={79: "old"})
    assert "aml-emu logs iris" in judge(seen(stale)).problems[0].todo
    assert "--watch" in judge(seen(replace(stale, reloads=None))).problems[0].todo


def test_services_that_hold_other_files_are_named() -> None:
    nobody = seen(None, service=None, remote=None, others={"iris": CODE})
    assert judge(nobody).problems[0].todo.endswith("`iris` holds /home/me/iris")
    assert "aml-emu serve" in judge(replace(nobody, others={})).problems[0].todo


def test_the_facts_show_mapping_versions_and_client() -> None:
    facts = dict(judge(seen()).facts())
    assert facts == {
        "service": "`iris` holds /home/me/iris (running)",
        "mapping": "/home/me/iris/score.py -> /var/azureml-app/score.py",
        "file": "in the container new, the same as here",
        "loaded": "worker 79: this version",
        "line": "5: x = 1",
        "client": "Visual Studio Code, sessions with workers: 79",
    }
    assert "not at a request" in dict(judge(seen(line=1)).facts())["runs"]


def test_the_document_has_the_same_for_programs() -> None:
    document = judge(seen(replace(BOUND, breakpoints=(6,)))).document()
    assert document["binds"] is False
    assert document["verdict"] == "not-set"
    assert document["problems"][0]["code"] == "not-set"
    assert document["executable"] is True
    assert document["container_sha256"] == document["sha256"] == "new"
    assert document["loaded_sha256"] == {"79": "new"}
    nothing = judge(seen(None, service=None, remote=None)).document()
    assert (nothing["service"], nothing["container_file"]) == (None, None)
    assert (nothing["executable"], nothing["client"], nothing["breakpoints"]) == (None, None, [])
