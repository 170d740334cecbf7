"""Where requests run under the debugger, and how the time-outs of the others are kept away."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from toolkit.runtime.pool import Pool
from toolkit.runtime.pulse import Pulse, lift_alarm


def pool(*, attended: bool, before: Any = lambda: None) -> Pool:
    return Pool(1, attended=lambda: attended, before=before)


def test_without_a_client_requests_run_where_they_are_submitted() -> None:
    before: list[str] = []
    alone = pool(attended=False, before=lambda: before.append("ready"))
    done = alone.submit(threading.current_thread)
    assert done.done()
    assert done.result() is threading.current_thread()
    assert before == ["ready"]


def test_with_a_client_they_run_in_a_thread() -> None:
    attended = pool(attended=True)
    assert attended.submit(threading.current_thread).result(5) is not threading.current_thread()
    attended.shutdown()


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_what_a_request_raises_is_handed_on(error: BaseException) -> None:
    def fail() -> None:
        raise error

    alone = pool(attended=False)
    assert alone.submit(fail).exception() is error
    assert not alone.is_busy


def test_idle_time_begins_when_a_request_has_ended() -> None:
    alone = pool(attended=False)
    busy = alone.submit(lambda: (alone.is_busy, alone.idle_seconds)).result()
    assert busy == (True, 0.0)
    assert alone.idle_seconds >= 0.0
    assert not alone.is_busy


class Worker:
    """As much of a gunicorn worker as has a heartbeat."""

    def __init__(self, tpool: Any = None) -> None:
        self.tpool = tpool
        self.beats = 0
        self.beaten = threading.Event()

    def notify(self) -> None:
        self.beats += 1
        self.beaten.set()
        if self.beats > 1:
            raise ValueError("the file is closed")


class Session:
    def __init__(self, *, is_attended: bool) -> None:
        self.worker = Worker()
        self.is_attended = is_attended


def beat(session: Session, rounds: int) -> None:
    """So many turns of the pulse, without the time between them."""

    class Pause:
        def __init__(self) -> None:
            self.left = rounds

        def wait(self, _: float) -> bool:
            self.left -= 1
            return self.left < 0

    Pulse(session, pause=Pause()).beat()


def test_the_heart_beats_for_a_client_only_and_stops_with_the_worker() -> None:
    attended, alone = Session(is_attended=True), Session(is_attended=False)
    beat(attended, 5)
    beat(alone, 5)
    assert (attended.worker.beats, alone.worker.beats) == (2, 0)


def test_the_alarm_is_lifted_from_a_request_in_the_main_thread_only() -> None:
    for busy, left in ((True, 0.0), (False, 60.0)):
        here = pool(attended=False)
        here.is_busy = busy
        former = signal.setitimer(signal.ITIMER_REAL, 60.0)
        try:
            lift_alarm(Worker(here))
            assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(left, abs=1.0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, *former)
    lift_alarm(object())
