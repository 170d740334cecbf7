"""What an editor, a file system and a library may do to a reload."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.runtime.conftest import MakeTree
from tests.integration.runtime.service_tree import SCORE, ServiceTree, wait_until
from toolkit.dev.watch import Watcher

pytestmark = pytest.mark.runit

STUCK = """\
import json

def init():
    pass

def run(data):
    if json.loads(data)["x"] == "stuck":
        sum(range(10**11))  # minutes in C, with the interpreter's lock held
    return {"version": 1}
"""


@contextmanager
def reloaded_on_save(tree: ServiceTree) -> Iterator[list[dict[str, object]]]:
    """What `serve --watch` does: a batch of saves, a reload."""
    answers: list[dict[str, object]] = []
    with Watcher(tree.app) as watcher:

        def follow() -> None:
            answers.extend(
                tree.reload(*(path.name for path in batch)) for batch in watcher.batches()
            )

        thread = threading.Thread(target=follow)
        thread.start()
        yield answers
        watcher.stop()
        thread.join(30)


@pytest.mark.parametrize("mode", ["fork", "swap"])
def test_a_save_every_20_ms_for_10_s(make_tree: MakeTree, mode: str) -> None:
    tree = make_tree(AML_EMU_RELOAD=mode)
    tree.start()
    problems: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            try:
                tree.score(1)
            except (OSError, AssertionError) as error:
                problems.append(repr(error))

    asking = threading.Thread(target=ask)
    with reloaded_on_save(tree) as answers:
        asking.start()
        deadline, version = time.monotonic() + 10, 1
        while time.monotonic() < deadline:
            version += 1
            tree.write("score.py", SCORE.replace('"version": 1', f'"version": {version}'))
            threading.Event().wait(0.02)
        wait_until(lambda: tree.score(1)["version"] == version, "the last save is served")
        over.set()
        asking.join(20)
    assert problems == []
    # A write in place may be read half-written: the old code goes on, and the next save counts.
    assert {answer["stage"] for answer in answers if not answer["ok"]} <= {"compile", "import"}
    assert len(tree.ready_workers()) == 1


def test_fork_with_a_worker_stuck_in_native_code(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.write("score.py", STUCK)
    tree.start()
    stuck = tree.score_later("stuck")
    (worker,) = tree.ready_workers()
    wait_until(lambda: is_burning(worker), "the worker computes")
    tree.edit("score.py", ('"version": 1', '"version": 2'))
    reload = tree.reload_later()
    wait_until(lambda: tree.score(1)["version"] == 2, "the new worker answers")
    assert reload.answer()["ok"]
    assert not stuck.done


def test_swap_with_a_worker_stuck_in_native_code(make_tree: MakeTree) -> None:
    """It cannot be swapped in; the reload after that takes a new worker instead."""
    tree = make_tree(AML_EMU_RELOAD="swap", AML_EMU_INIT_TIMEOUT="1")
    tree.write("score.py", STUCK)
    tree.start()
    tree.score_later("stuck")
    (worker,) = tree.ready_workers()
    wait_until(lambda: is_burning(worker), "the worker computes")
    tree.edit("score.py", ('"version": 1', '"version": 2'))
    failed = tree.reload()
    assert (failed["ok"], failed["stage"]) == (False, "timeout")
    reloaded = tree.reload()
    assert (reloaded["ok"], reloaded["mode"]) == (True, "fork")
    assert tree.score(1)["version"] == 2


def is_burning(pid: int) -> bool:
    """Whether the process has used half a second of CPU for its user since this was first asked."""
    used = cpu_seconds(pid)
    return used - _FIRST.setdefault(pid, used) > 0.5


_FIRST: dict[int, float] = {}


def cpu_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) / 100
