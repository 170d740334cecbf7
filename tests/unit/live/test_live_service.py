from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.fakes import Daemon, FakeEngine, FakeHandle, Script, http_status
from toolkit.engines.base import Address, State
from toolkit.engines.ports import free_port
from toolkit.errors import NameTaken, NotFound, NotReady, PortTaken, UserCodeFailed
from toolkit.live.service import Service, find_services, make_room, start_service, the_service
from toolkit.plans import azureml
from toolkit.plans.debug import DebugOptions, under_debugger
from toolkit.plans.model import LaunchPlan, Mount, Probe
from toolkit.plans.service import Scoring, plan_service

IMAGE = "aml-emu/iris:1"
PROBE = Probe(port=azureml.SCORING_PORT, timeout=5.0)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine(known=[IMAGE])
    yield engine
    engine.close()


class Desk:
    """A user's folder with a script and models beside it."""

    def __init__(self, folder: Path) -> None:
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "score.py").write_text("")
        self.model = folder / "iris.joblib"
        self.model.write_text("model")
        self.model_folder = folder / "forest"
        self.model_folder.mkdir()

    def plan(
        self, name: str = "iris", *, models: tuple[Path, ...] = (), port: int | None = None
    ) -> LaunchPlan:
        scoring = Scoring(name=name, script=self.code / "score.py", models=models, port=port)
        return plan_service(scoring, image=IMAGE, project=self.code)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.code)) for path in self.code.rglob("*")}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def handle_of(service: Service) -> FakeHandle:
    assert isinstance(service.handle, FakeHandle)
    return service.handle


# --- readiness


def test_ready_is_when_the_probe_answers_200(engine: FakeEngine, desk: Desk) -> None:
    engine.script = Script(answers={azureml.SCORING_PORT: http_status(503, 503, 200)})
    start_service(engine, desk.plan()).wait_ready(PROBE)


def test_not_ready_in_time_tells_the_last_lines(engine: FakeEngine, desk: Desk) -> None:
    log = "".join(f"line {n}\n" for n in range(100)).encode()
    engine.script = Script(log=log, answers={azureml.SCORING_PORT: http_status(502)})
    service = start_service(engine, desk.plan())
    with pytest.raises(NotReady) as caught:
        service.wait_ready(replace(PROBE, timeout=0.01))
    assert caught.value.message == "service `iris` did not answer within 0 s"
    assert caught.value.details.splitlines() == [f"line {n}" for n in range(70, 100)]
    assert "aml-emu logs iris" in caught.value.hint


def test_a_service_that_ends_while_starting_is_not_waited_for(
    engine: FakeEngine, desk: Desk
) -> None:
    engine.script = Script(log=b"last words\n", exit_code=7)
    service = start_service(engine, desk.plan())
    with pytest.raises(NotReady) as caught:
        service.wait_ready(replace(PROBE, timeout=600))
    assert caught.value.message == "service `iris` ended (exit code 7)"
    assert caught.value.details == "last words"


def test_a_service_that_has_ended_has_no_address_but_a_reason(
    engine: FakeEngine, desk: Desk
) -> None:
    engine.script = Script(log=FAILED_SCRIPT.encode(), exit_code=0)
    service = start_service(engine, desk.plan())
    with pytest.raises(UserCodeFailed, match="ValueError: no model"):
        _ = service.url


class JustEnded:
    """A handle of something that ends between the first look at it and the next."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._looks = 0

    def state(self) -> State:
        self._looks += 1
        found: State = self._handle.state()
        return State(status="running") if self._looks == 1 else found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)


def test_a_service_that_ends_between_two_looks_is_told_as_ended(
    engine: FakeEngine, desk: Desk
) -> None:
    engine.script = Script(log=b"last words\n", exit_code=7)
    handle: Any = JustEnded(start_service(engine, desk.plan()).handle)
    with pytest.raises(NotReady, match=r"ended \(exit code 7\)"):
        Service(handle).wait_ready(replace(PROBE, timeout=600))


def test_a_service_that_was_taken_away_is_not_waited_for(engine: FakeEngine, desk: Desk) -> None:
    service = start_service(engine, desk.plan())
    service.handle.stop()
    with pytest.raises(NotReady, match="ended"):
        service.wait_ready(replace(PROBE, timeout=600))


TRACEBACK = """\
Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 4, in init
    model = load()
ValueError: no model"""
FAILED_SCRIPT = f"Booting worker\n{TRACEBACK}\n\n2026-01-01T00:00:00+00:00 - gunicorn/finish 3 0\n"


def test_a_script_that_fails_while_starting_is_the_users_to_correct(
    engine: FakeEngine, desk: Desk
) -> None:
    engine.script = Script(log=FAILED_SCRIPT.encode(), exit_code=0)
    service = start_service(engine, desk.plan())
    with pytest.raises(UserCodeFailed) as caught:
        service.wait_ready(PROBE)
    assert caught.value.message == (
        f"{desk.code}/score.py failed while starting: ValueError: no model"
    )
    assert caught.value.details == TRACEBACK
    assert "--debug" in caught.value.hint


@pytest.mark.parametrize(
    ("log", "state", "kind", "said"),
    [
        (FAILED_SCRIPT, State(status="exited", exit_code=0), UserCodeFailed, "no model"),
        ("gunicorn/finish 3 0\n", State(status="exited"), UserCodeFailed, "while starting"),
        ("gunicorn/finish 100 0\n", State(status="exited", exit_code=1), NotReady, "exit code 1"),
        ("gunicorn/finish 33 0\n", State(status="exited", exit_code=1), NotReady, "exit code 1"),
        (
            FAILED_SCRIPT,
            State(status="exited", exit_code=137, out_of_memory=True),
            NotReady,
            "want of memory",
        ),
    ],
)
def test_why_a_service_ended(
    engine: FakeEngine, desk: Desk, log: str, state: State, kind: type[Exception], said: str
) -> None:
    engine.script = Script(log=log.encode())
    error = start_service(engine, desk.plan()).ended(state)
    assert type(error) is kind
    assert said in error.message


# --- names and ports


def test_a_name_that_runs_is_taken(engine: FakeEngine, desk: Desk) -> None:
    start_service(engine, desk.plan())
    with pytest.raises(NameTaken) as caught:
        start_service(engine, desk.plan())
    assert caught.value.message == (
        f"service `iris` is running already, serving {desk.code}/score.py"
    )
    assert "aml-emu stop iris" in caught.value.hint
    assert len(engine.launched) == 1


def test_the_remains_of_one_that_ended_are_removed(engine: FakeEngine, desk: Desk) -> None:
    first = start_service(engine, desk.plan())
    handle_of(first).end(1)
    second = start_service(engine, desk.plan())
    assert engine.daemon.handles == [second.handle]
    assert first.handle.state().status == "gone"


def test_the_remains_are_found_by_another_process(desk: Desk) -> None:
    daemon = Daemon()
    dead = FakeEngine(known=[IMAGE], daemon=daemon, script=Script(exit_code=1))
    start_service(dead, desk.plan(models=(desk.model,)))
    engine = FakeEngine(daemon=daemon)
    start_service(engine, desk.plan()).stop(engine)
    assert desk.files() == {"score.py"}


def test_a_port_in_use_names_its_holder_before_anything_is_made(
    engine: FakeEngine, desk: Desk
) -> None:
    port = free_port()
    start_service(engine, desk.plan("first", port=port))
    with pytest.raises(PortTaken) as caught:
        start_service(engine, desk.plan("second", port=port, models=(desk.model,)))
    assert caught.value.message == f"port {port} is in use by container `aml-emu-first`"
    assert "--port" in caught.value.hint
    assert desk.files() == {"score.py"}
    assert len(engine.launched) == 1


def test_room_is_made_for_free_ports_and_names(engine: FakeEngine) -> None:
    make_room(engine, "iris", [free_port()])


# --- mount points


def test_mount_points_are_made_for_the_service_and_removed_with_it(
    engine: FakeEngine, desk: Desk
) -> None:
    service = start_service(engine, desk.plan(models=(desk.model, desk.model_folder)))
    assert (desk.code / "azureml-models/iris/1/iris.joblib").is_file()
    assert (desk.code / "azureml-models/forest/1/forest").is_dir()
    service.stop(engine)
    assert desk.files() == {"score.py"}


def test_files_of_the_user_in_the_model_folder_survive(engine: FakeEngine, desk: Desk) -> None:
    mine = desk.code / "azureml-models" / "iris" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("")
    service = start_service(engine, desk.plan(models=(desk.model,)))
    (desk.code / "azureml-models/iris/1/later.txt").write_text("written while serving")
    service.stop(engine)
    assert desk.files() == {
        "score.py",
        "azureml-models",
        "azureml-models/iris",
        "azureml-models/iris/notes.txt",
        "azureml-models/iris/1",
        "azureml-models/iris/1/later.txt",
    }


def test_a_mount_point_that_was_there_before_stays(engine: FakeEngine, desk: Desk) -> None:
    (desk.code / "azureml-models/iris/1").mkdir(parents=True)
    (desk.code / "azureml-models/iris/1/iris.joblib").write_text("")
    before = desk.files()
    start_service(engine, desk.plan(models=(desk.model,))).stop(engine)
    assert desk.files() == before


def test_a_mount_point_that_was_written_to_stays(engine: FakeEngine, desk: Desk) -> None:
    service = start_service(engine, desk.plan(models=(desk.model,)))
    (desk.code / "azureml-models/iris/1/iris.joblib").write_text("the user's now")
    service.stop(engine)
    assert "azureml-models/iris/1/iris.joblib" in desk.files()


def test_a_failed_launch_leaves_no_mount_points(engine: FakeEngine, desk: Desk) -> None:
    plan = replace(desk.plan(models=(desk.model,)), image="never:built")
    with pytest.raises(Exception, match="never:built"):
        start_service(engine, plan)
    assert desk.files() == {"score.py"}


@pytest.mark.parametrize("first_to_stop", [0, 1])
def test_mount_points_go_with_the_last_service_that_shares_them(
    engine: FakeEngine, desk: Desk, first_to_stop: int
) -> None:
    plans = [desk.plan(name, models=(desk.model,)) for name in ("one", "two")]
    services = [start_service(engine, plan) for plan in plans]
    services.pop(first_to_stop).stop(engine)
    assert (desk.code / "azureml-models/iris/1/iris.joblib").is_file()
    services.pop().stop(engine)
    assert desk.files() == {"score.py"}


def test_what_is_mounted_elsewhere_needs_no_mount_point(engine: FakeEngine, desk: Desk) -> None:
    plan = desk.plan()
    extra = Mount(source=desk.model, target=PurePosixPath("/opt/model"))
    start_service(engine, replace(plan, mounts=(*plan.mounts, extra)))
    assert desk.files() == {"score.py"}


def test_stopping_twice_is_no_error(engine: FakeEngine, desk: Desk) -> None:
    service = start_service(engine, desk.plan(models=(desk.model,)))
    service.stop(engine)
    service.stop(engine)
    assert desk.files() == {"score.py"}


# --- looking at services


def test_a_service_is_known_by_its_handle_alone(engine: FakeEngine, desk: Desk) -> None:
    started = start_service(engine, desk.plan())
    (found,) = find_services(FakeEngine(daemon=engine.daemon))
    assert (found.name, found.script) == ("iris", desk.code / "score.py")
    assert found.url == started.url == f"http://127.0.0.1:{found.scoring.port}"


def test_the_debugger_is_offered_only_where_there_is_one(engine: FakeEngine, desk: Desk) -> None:
    assert start_service(engine, desk.plan()).debugger is None
    plan = under_debugger(desk.plan("debugged"), DebugOptions(token="t", port=None))
    debugger = start_service(engine, plan).debugger
    assert isinstance(debugger, Address)
    assert debugger.host == "127.0.0.1"


def test_services_are_listed_by_name_and_nothing_else_is(engine: FakeEngine, desk: Desk) -> None:
    for name in ("b", "a"):
        start_service(engine, desk.plan(name))
    engine.launch(LaunchPlan(kind="run", name="a-run", image=IMAGE))
    assert [service.name for service in find_services(engine)] == ["a", "b"]
    assert [service.name for service in find_services(engine, "b")] == ["b"]
    assert find_services(engine, "c") == []


@pytest.mark.parametrize(
    ("running", "asked", "message", "hint"),
    [
        ([], None, "no service is running", "aml-emu serve"),
        ([], "a", "no service named `a`", "aml-emu serve"),
        (["a", "b"], None, "which service?", "there is: `a`, `b`"),
        (["a", "b"], "c", "no service named `c`", "there is: `a`, `b`"),
    ],
)
def test_a_service_that_is_not_there_is_said(
    engine: FakeEngine, desk: Desk, running: list[str], asked: str | None, message: str, hint: str
) -> None:
    for name in running:
        start_service(engine, desk.plan(name))
    with pytest.raises(NotFound) as caught:
        the_service(engine, asked)
    assert caught.value.message == message
    assert hint in caught.value.hint


@pytest.mark.parametrize("choose", [lambda: None, lambda: "a"], ids=["the only one", "by name"])
def test_the_service_is_found(
    engine: FakeEngine, desk: Desk, choose: Callable[[], str | None]
) -> None:
    start_service(engine, desk.plan("a"))
    assert the_service(engine, choose()).name == "a"
