"""How gunicorn's master counts: candidates, retired workers, and those that die in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from toolkit.runtime.contract import read_contract
from toolkit.runtime.hooks import ServerHooks
from toolkit.runtime.retirement import announce_retirement


@dataclass
class Worker:
    age: int
    aml_emu_candidate: bool = False
    aml_emu_retired: bool = False


@dataclass
class Server:
    """As much of gunicorn's arbiter as decides who is spawned and who is told to go."""

    hooks: ServerHooks
    WORKERS: dict[int, Worker] = field(default_factory=dict)
    told: list[int] = field(default_factory=list)
    number: int = 0

    @property
    def num_workers(self) -> int:
        return self.number

    @num_workers.setter
    def num_workers(self, new: int) -> None:
        old, self.number = self.number or None, new
        self.hooks.nworkers_changed(self, new, old)

    def spawn_worker(self) -> None:
        worker = Worker(age=max((w.age for w in self.WORKERS.values()), default=0) + 1)
        self.hooks.pre_fork(self, worker)
        self.WORKERS[worker.age] = worker

    def manage(self) -> None:
        while len(self.WORKERS) < self.number:
            self.spawn_worker()
        ages = sorted(self.WORKERS)
        self.told += [age for age in ages[: len(ages) - self.number] if age not in self.told]

    def die(self, age: int) -> None:
        self.hooks.child_exit(self, self.WORKERS.pop(age))
        self.manage()

    def ttin(self) -> None:
        self.num_workers += 1
        self.manage()

    def ttou(self) -> None:
        self.num_workers -= 1
        self.manage()


def serving(count: int = 1) -> Server:
    server = Server(ServerHooks(read_contract({"AML_EMU_RELOAD": "fork"})))
    server.num_workers = count
    server.manage()
    return server


def test_first_workers_are_no_candidates() -> None:
    assert [w.aml_emu_candidate for w in serving(2).WORKERS.values()] == [False, False]


def test_candidate_that_is_accepted_replaces_the_oldest() -> None:
    server = serving()
    server.ttin()
    assert server.WORKERS[2].aml_emu_candidate
    server.ttou()
    assert server.told == [1]
    assert not server.WORKERS[2].aml_emu_candidate


def test_candidate_that_dies_is_not_spawned_again() -> None:
    server = serving()
    server.ttin()
    server.die(2)
    assert set(server.WORKERS) == {1}
    assert server.num_workers == 1


def test_worker_that_crashes_is_spawned_again_and_is_no_candidate() -> None:
    server = serving()
    server.die(1)
    assert [w.aml_emu_candidate for w in server.WORKERS.values()] == [False]


def test_retired_worker_that_lingers_keeps_no_candidate_away() -> None:
    """It stands at a breakpoint; gunicorn alone would count it and spawn nobody."""
    server = serving()
    for newest in (2, 3, 4):
        server.ttin()
        assert server.WORKERS[newest].aml_emu_candidate
        server.ttou()
    assert server.told == [1, 2, 3]
    assert set(server.WORKERS) == {1, 2, 3, 4}


def test_nothing_is_configured_without_reload_and_debug() -> None:
    assert set(ServerHooks(read_contract({})).settings()) == {"on_starting"}
    assert "worker_class" not in ServerHooks(read_contract({"AML_EMU_RELOAD": "fork"})).settings()
    debug = ServerHooks(read_contract({"AML_EMU_DEBUG": "1"})).settings()
    assert (debug["worker_class"], debug["control_socket_disable"]) == ("gthread", True)


class Retiring:
    """As much of a gunicorn worker as leaves."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def handle_exit(self, *_: Any) -> None:
        self.order.append("stops")

    def accept(self, *_: Any) -> None:
        self.order.append("accepts")


class RetiringThreaded(Retiring):
    def get_thread_pool(self) -> None: ...


def test_worker_that_retires_takes_no_more_and_says_so() -> None:
    worker = Retiring()
    announce_retirement(worker, lambda: worker.order.append("told"))
    worker.accept("listener")
    worker.handle_exit(15, None)
    worker.handle_exit(15, None)
    with pytest.raises(BlockingIOError):
        worker.accept("listener")
    assert worker.order == ["accepts", "stops", "told"]


def test_threaded_worker_that_retires_leaves_the_connection_to_others() -> None:
    worker = RetiringThreaded()
    announce_retirement(worker, lambda: None)
    worker.handle_exit(15, None)
    worker.accept("server", "listener")
    assert worker.order == ["stops"]
