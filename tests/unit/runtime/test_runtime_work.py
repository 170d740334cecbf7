"""The one thread behind long operations."""

from __future__ import annotations

import gc
import threading
from queue import Queue

import pytest

from toolkit.runtime.work import Work


def test_tasks_run_in_order_in_one_thread_that_outlives_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: Queue[tuple[int, threading.Thread]] = Queue()
    work = Work()

    def note(number: int) -> None:
        seen.put((number, threading.current_thread()))
        if number == 2:
            raise ValueError("bad luck")

    for number in (1, 2, 3):
        work.submit(note, number)
    found = [seen.get(timeout=5) for _ in range(3)]
    assert [number for number, _ in found] == [1, 2, 3]
    assert len({thread for _, thread in found}) == 1
    assert "bad luck" in capsys.readouterr().err


def test_thread_ends_when_nobody_holds_it() -> None:
    threads: Queue[threading.Thread] = Queue()
    work = Work()
    work.submit(lambda: threads.put(threading.current_thread()))
    thread = threads.get(timeout=5)
    del work
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()
