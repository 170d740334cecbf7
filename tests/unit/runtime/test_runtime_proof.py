"""What a worker may say about the modules in it."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from toolkit.runtime.proof import Process, is_harmless, loaded_of

MANY = [str(number) for number in range(1000)]


def test_more_threads_than_expected_are_a_doubt() -> None:
    now = threading.active_count()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert not is_harmless(now)
    finally:
        over.set()
        thread.join()


def test_library_that_is_wary_of_forks_is_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where native threads must be looked at by forking: these are counted by the system."""
    process = Process(tasks=lambda: MANY, gives_way_to_fork=lambda: True)
    threads = threading.active_count()
    assert is_harmless(threads, process)
    monkeypatch.setitem(sys.modules, "grpc", ModuleType("grpc"))
    assert not is_harmless(threads, process)


def test_native_threads_that_outlive_a_fork_are_a_doubt() -> None:
    process = Process(tasks=lambda: MANY, gives_way_to_fork=lambda: False)
    assert not is_harmless(threading.active_count(), process)


def test_gpu_is_a_doubt() -> None:
    assert not is_harmless(threading.active_count(), Process(holds_gpu=lambda: True))


@pytest.mark.parametrize(
    ("wanted", "loaded"),
    [
        ({"json": []}, ["json"]),
        ({"json": ["loads", "decoder"]}, ["json"]),
        ({"json": ["nothing_like_that"]}, []),
        ({"not_there_at_all": []}, []),
    ],
)
def test_module_counts_with_all_that_is_taken_from_it(
    wanted: dict[str, list[str]], loaded: list[str]
) -> None:
    assert loaded_of(wanted) == loaded
