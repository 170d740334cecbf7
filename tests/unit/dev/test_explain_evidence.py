from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.fakes import FakeEngine
from tests.unit.dev.iris_service import FakeAgent, launch
from toolkit.dev.explain_evidence import Place, gather, read_place
from toolkit.engines.base import ExecResult
from toolkit.errors import NotFound, NotReady, SpecError
from toolkit.plans import emulation


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine(known=["i:1"])
    yield engine
    engine.close()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "iris"
    (folder / "deep").mkdir(parents=True)
    (folder / "score.py").write_text("import deep\nx = 1\n")
    (folder / "deep" / "score.py").write_text("y = 1\n")
    return folder


def agent_for(code: Path, **changed: object) -> dict[int, FakeAgent]:
    return {emulation.CONTROL_PORT: FakeAgent(code / "score.py", **changed)}


@pytest.mark.parametrize(
    "text", ["", "score.py", "score.py:", ":3", "score.py:0", "score.py:-1", "a.py:x", "a.py:1.5"]
)
def test_what_is_not_file_and_line_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="not FILE:LINE"):
        read_place(text)


def test_a_place_may_hold_colons() -> None:
    assert read_place("C:/a.py:12") == Place(file=Path("C:/a.py"), line=12)
    assert str(read_place("deep/score.py:3")) == "score.py:3"


def test_the_agent_is_asked_for_the_file_as_the_container_names_it(
    engine: FakeEngine, code: Path
) -> None:
    clients = [
        {"client": "Visual Studio Code (172.17.0.1:5)", "worker": None},
        {"client": "Visual Studio Code (172.17.0.1:6)", "worker": 79},
    ]
    answers = agent_for(code, clients=clients, breakpoints=[{"line": 2, "client_path": "s"}])
    launch(engine, code, answers=answers)
    seen = gather(engine, Place(file=code / "deep/../score.py", line=2), None)
    asked = {"op": "lines", "file": "/var/azureml-app/score.py"}
    assert answers[emulation.CONTROL_PORT].asked == [{"op": "status"}, asked]
    assert (seen.service, seen.code, seen.state) == ("iris", code, "running")
    assert seen.remote == PurePosixPath("/var/azureml-app/score.py")
    assert seen.place.file == code / "score.py"
    assert seen.inside is not None
    assert seen.inside.sha256 == seen.sha256 == seen.inside.loaded[79]
    assert (seen.inside.client, seen.inside.sessions) == ("Visual Studio Code", (79,))
    assert (seen.inside.breakpoints, seen.inside.lines) == ((2,), (1, 2))


def test_a_path_of_the_containers_is_the_users_own_file(engine: FakeEngine, code: Path) -> None:
    launch(engine, code, answers=agent_for(code))
    for root in ("/var/azureml-app", "/var/azureml-apps"):
        seen = gather(engine, Place(file=Path(root) / "score.py", line=1), None)
        assert seen.place.file == code / "score.py"
        assert seen.remote == PurePosixPath("/var/azureml-app/score.py")
        assert seen.source == "import deep\nx = 1\n"


def test_a_librarys_file_is_looked_at_where_it_is(engine: FakeEngine, code: Path) -> None:
    answers = agent_for(code)
    launch(engine, code, answers=answers)
    seen = gather(engine, Place(file=Path("/opt/env/numpy/linalg.py"), line=1), "iris")
    assert seen.remote == PurePosixPath("/opt/env/numpy/linalg.py")
    assert (seen.sha256, seen.source) == (None, "")
    assert answers[emulation.CONTROL_PORT].asked[1]["file"] == "/opt/env/numpy/linalg.py"


def test_the_service_with_the_nearest_folder_is_meant(engine: FakeEngine, code: Path) -> None:
    launch(engine, code, name="outer", answers=agent_for(code))
    launch(engine, code / "deep", name="inner", answers=agent_for(code / "deep"))
    assert gather(engine, Place(file=code / "deep/score.py", line=1), None).service == "inner"
    assert gather(engine, Place(file=code / "score.py", line=1), None).service == "outer"
    assert gather(engine, Place(file=code / "deep/score.py", line=1), "outer").service == "outer"


def test_of_two_for_one_folder_the_one_that_can_be_debugged_is_meant(
    engine: FakeEngine, code: Path
) -> None:
    launch(engine, code, name="a", debug=False)
    launch(engine, code, name="b", answers=agent_for(code))
    launch(engine, code, name="c")
    engine.daemon.handles[2].end(1)
    assert gather(engine, Place(file=code / "score.py", line=1), None).service == "b"


def test_a_service_that_ended_or_has_no_debugger_is_not_asked(
    engine: FakeEngine, code: Path
) -> None:
    launch(engine, code, debug=False)
    place = Place(file=code / "score.py", line=1)
    seen = gather(engine, place, None)
    assert (seen.state, seen.is_debuggable, seen.inside) == ("running", False, None)
    engine.daemon.handles[0].end(3)
    seen = gather(engine, place, None)
    assert (seen.state, seen.is_debuggable, seen.inside) == ("exited", False, None)


def test_a_file_of_nobodys_names_the_services_there_are(
    engine: FakeEngine, code: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.py").write_text("1\n")
    launch(engine, code)
    place = Place(file=tmp_path / "other.py", line=1)
    seen = gather(engine, place, None)
    assert (seen.service, seen.others) == (None, {"iris": code})
    named = gather(engine, place, "iris")
    assert (named.service, named.remote, named.inside) == ("iris", None, None)


def test_what_cannot_be_looked_at_is_an_error(engine: FakeEngine, code: Path) -> None:
    launch(engine, code, token=ExecResult(exit_code=1, output=""))
    with pytest.raises(SpecError, match=r"file not found: nope\.py"):
        gather(engine, Place(file=Path("nope.py"), line=1), None)
    with pytest.raises(NotFound, match="no service named `rose`"):
        gather(engine, Place(file=code / "score.py", line=1), "rose")
    with pytest.raises(NotReady, match="`aml-emu-iris` has no agent to ask"):
        gather(engine, Place(file=code / "score.py", line=1), None)


def test_a_file_in_another_coding_is_read_by_its_own_word(engine: FakeEngine, code: Path) -> None:
    (code / "score.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\n")
    launch(engine, code, debug=False)
    assert "é" in gather(engine, Place(file=code / "score.py", line=2), None).source
    (code / "score.py").write_bytes(b"x = '\xe9'\n")
    assert "\ufffd" in gather(engine, Place(file=code / "score.py", line=1), None).source
