import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.fakes import FakeEngine, Script
from toolkit.dev.reload import Agent, ReloadResult, in_container
from toolkit.engines.base import Handle, State
from toolkit.errors import NotReady
from toolkit.plans import emulation
from toolkit.plans.model import LaunchPlan, Port

CODE = Path("/home/me/iris")


class Told:
    """A control port that answers with given bytes, and keeps the questions."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.questions: list[dict[str, Any]] = []

    def __call__(self, connection: socket.socket) -> None:
        self.questions.append(json.loads(connection.makefile("rb").readline()))
        connection.sendall(self.answer)


@pytest.fixture
def launch() -> Iterator[Callable[[Told], Handle]]:
    engine = FakeEngine(known=["i:1"])

    def started(told: Told) -> Handle:
        engine.script = Script(answers={emulation.CONTROL_PORT: told})
        return engine.launch(
            LaunchPlan(kind="service", name="iris", image="i:1", ports=(Port(container=5680),))
        )

    yield started
    engine.close()


def test_a_reload_names_the_changed_files_as_the_container_sees_them(
    launch: Callable[[Told], Handle],
) -> None:
    told = Told(b'{"ok": true, "mode": "swap", "said": "done", "ms": 12.5}\n')
    result = Agent(launch(told), "t0ken").reload(
        [CODE / "score.py", CODE / "deep er/model.py"], code=CODE, mode="swap"
    )
    assert told.questions == [
        {
            "op": "reload",
            "token": "t0ken",
            "mode": "swap",
            "paths": ["/var/azureml-app/score.py", "/var/azureml-app/deep er/model.py"],
        }
    ]
    assert result == ReloadResult(ok=True, mode="swap", said="done", milliseconds=12.5)


def test_a_reload_that_failed_brings_the_users_traceback(
    launch: Callable[[Told], Handle],
) -> None:
    answer = {"ok": False, "mode": "fork", "stage": "init", "traceback": "Traceback …\nKeyError: é"}
    told = Told(json.dumps(answer).encode() + b"\n")
    result = Agent(launch(told), "t").reload([], code=CODE, mode="fork")
    assert not result.ok
    assert (result.stage, result.traceback) == ("init", "Traceback …\nKeyError: é")


def test_an_answer_of_less_is_a_failed_reload_in_the_mode_asked_for(
    launch: Callable[[Told], Handle],
) -> None:
    result = Agent(launch(Told(b"{}\n")), "t").reload([], code=CODE, mode="restart")
    assert result == ReloadResult(ok=False, mode="restart", said="")


def test_any_question_can_be_asked(launch: Callable[[Told], Handle]) -> None:
    told = Told(b'{"ok": true, "workers": [7]}\n')
    assert Agent(launch(told), "t").ask("status", deep=1) == {"ok": True, "workers": [7]}
    assert told.questions == [{"op": "status", "token": "t", "deep": 1}]


@pytest.mark.parametrize("answer", [b"", b'{"ok": tr', b'{"ok": true}'])
def test_an_agent_that_breaks_off_is_said(launch: Callable[[Told], Handle], answer: bytes) -> None:
    with pytest.raises(NotReady) as caught:
        Agent(launch(Told(answer)), "t").ask("reload")
    assert caught.value.message == "`aml-emu-iris` broke off while answering `reload`"


@pytest.mark.parametrize("answer", [b"not json\n", b"[1, 2]\n", b"3\n", b"null\n", b"\xff\n"])
def test_nonsense_is_said(launch: Callable[[Told], Handle], answer: bytes) -> None:
    with pytest.raises(NotReady, match="no JSON object") as caught:
        Agent(launch(Told(answer)), "t").ask("reload")
    assert caught.value.details == answer.decode(errors="replace").strip()


class Silent:
    """A control port that keeps the line open and says nothing, until it is let go."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        self.over.wait(10)


def test_signs_of_life_are_no_answer(launch: Callable[[Told], Handle]) -> None:
    told = Told(b'\n\n\n{"ok": true}\n')
    assert Agent(launch(told), "t").ask("reload") == {"ok": True}


def test_an_agent_that_falls_silent_is_given_up(launch: Callable[[Any], Handle]) -> None:
    silent = Silent()
    with pytest.raises(NotReady, match="`aml-emu-iris` does not answer, silent for 0 s"):
        Agent(launch(silent), "t", look=0.01, silence=0.05).ask("reload")
    silent.over.set()


def test_a_container_that_ends_while_it_is_asked_is_noticed(
    launch: Callable[[Any], Handle],
) -> None:
    """Also when its end of the line stays open, as that of a network that is gone."""
    silent = Silent()
    handle = launch(silent)
    agent = Agent(Ended(handle), "t", look=0.01)
    with pytest.raises(NotReady, match="`aml-emu-iris` ended before it answered"):
        agent.ask("reload")
    silent.over.set()


class Ended:
    """A handle that is found ended, though its ports still take connections."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def state(self) -> State:
        return State(status="exited", exit_code=137)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)


def test_a_service_without_an_agent_takes_no_requests() -> None:
    engine = FakeEngine(known=["i:1"])
    handle = engine.launch(LaunchPlan(kind="service", name="bare", image="i:1"))
    with pytest.raises(NotReady, match="`aml-emu-bare` does not take requests"):
        Agent(handle, "t").ask("reload")


def test_a_service_that_ended_takes_no_requests(launch: Callable[[Told], Handle]) -> None:
    handle = launch(Told(b"{}\n"))
    handle.stop()
    with pytest.raises(NotReady, match="does not take requests"):
        Agent(handle, "t").ask("reload")


def test_a_path_outside_the_code_cannot_be_in_the_container() -> None:
    assert in_container(CODE / "a/b.py", CODE) == PurePosixPath("/var/azureml-app/a/b.py")
    with pytest.raises(ValueError, match="elsewhere"):
        in_container(Path("/elsewhere/b.py"), CODE)
