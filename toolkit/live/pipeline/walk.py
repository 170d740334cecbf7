"""Walking a graph: steps start as soon as what they need has ended, so many at a time.

Knows nothing of runs and containers: `perform` does one step and says how it ended.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from toolkit.errors import EmuError
from toolkit.live.pipeline.outcome import GOOD, OnStep, Outcome, StepChanged, StepState
from toolkit.plans.pipeline.graph import FromStep, Gate, Given, Graph, Step

Outcomes = Mapping[str, Outcome]
Perform = Callable[[Step, Outcomes], Outcome]
LOOK_SECONDS: Final = 1.0
_TRUE: Final = frozenset({"true", "1", "yes"})


class Walk:
    """One way through a graph. `stop` may be called from any thread, more than once.

    `look` is asked about once a second whether somebody wants the walk to stop.
    """

    def __init__(
        self,
        graph: Graph,
        perform: Perform,
        *,
        max_parallel: int,
        continue_on_failure: bool = False,
        on_step: OnStep,
        cancel: Callable[[], None] = lambda: None,
        look: Callable[[], bool] = lambda: False,
    ) -> None:
        self._graph = graph
        self._perform = perform
        self._max_parallel = max_parallel
        self._goes_on = continue_on_failure
        self._on_step = on_step
        self._cancel = cancel
        self._look = look
        self._stopped = threading.Event()
        self._finished: queue.SimpleQueue[tuple[str, Outcome | BaseException]] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[tuple[Step, Outcomes] | None] = queue.SimpleQueue()
        self._outcomes: dict[str, Outcome] = {}
        self._needs: dict[str, set[str]] = {}
        self._followers: dict[str, list[str]] = {}
        self._ready: deque[str] = deque()
        self._running: set[str] = set()
        self._workers: list[threading.Thread] = []
        self._bug: BaseException | None = None

    def stop(self) -> None:
        """Start nothing more, and cancel what runs."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._cancel()

    def run(self) -> dict[str, Outcome]:
        """Walk to the end; on Ctrl-C what runs is cancelled and waited for, then it is raised."""
        self._prepare()
        try:
            self._loop()
        except BaseException:
            self.stop()
            self._drain()
            raise
        finally:
            for _ in self._workers:
                self._orders.put(None)
            for worker in self._workers:
                worker.join()
        if self._bug is not None:
            raise self._bug
        return {name: self._outcomes[name] for name in self._graph.steps}

    def _prepare(self) -> None:
        for name, step in self._graph.steps.items():
            self._needs[name] = set(step.needs())
            for before in self._needs[name]:
                self._followers.setdefault(before, []).append(name)
            if not self._needs[name]:
                self._ready.append(name)
            else:
                self._tell(name, "waiting", waits_for=tuple(sorted(self._needs[name])))

    def _loop(self) -> None:
        while self._ready or self._running:
            while self._ready and len(self._running) < self._max_parallel:
                self._begin(self._ready.popleft())
            if self._running:
                self._await_one()

    def _await_one(self) -> None:
        try:
            self._take(*self._finished.get(timeout=LOOK_SECONDS))
        except queue.Empty:
            if self._look():
                self.stop()

    def _drain(self) -> None:
        while self._running:
            self._take(*self._finished.get())

    def _begin(self, name: str) -> None:
        step = self._graph.steps[name]
        try:
            left_out = self._left_out(step)
        except EmuError as error:  # its condition has no value
            self._running.add(name)
            self._take(name, Outcome(state="failed", error=error, why=error.message))
            return
        if left_out is not None:
            self._end(name, left_out)
            return
        self._running.add(name)
        self._tell(name, "ready")
        if len(self._workers) < min(self._max_parallel, len(self._graph.steps)):
            worker = threading.Thread(target=self._work, name="pipeline-step", daemon=True)
            self._workers.append(worker)
            worker.start()
        known = {each: self._outcomes[each] for each in step.needs()}
        self._orders.put((step, known))

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            step, known = order
            began = time.monotonic()
            try:
                outcome = self._perform(step, known)
                seconds = outcome.seconds or time.monotonic() - began
                self._finished.put((step.name, replace(outcome, seconds=seconds)))
            except EmuError as error:
                failed = Outcome(state="failed", error=error, why=error.message)
                self._finished.put((step.name, replace(failed, seconds=time.monotonic() - began)))
            except BaseException as error:  # noqa: BLE001  # the walk's own thread raises it
                self._finished.put((step.name, error))

    def _take(self, name: str, outcome: Outcome | BaseException) -> None:
        self._running.discard(name)
        if isinstance(outcome, BaseException):
            self._bug = self._bug or outcome
            self.stop()
            outcome = Outcome(state="failed", why=repr(outcome))
        self._end(name, outcome)
        if outcome.state == "failed" and not self._goes_on:
            self.stop()

    def _end(self, name: str, outcome: Outcome) -> None:
        self._outcomes[name] = outcome
        self._tell(name, outcome.state, run=outcome.run, seconds=outcome.seconds, why=outcome.why)
        for follower in self._followers.get(name, ()):
            self._needs[follower].discard(name)
            if not self._needs[follower]:
                self._ready.append(follower)

    def _left_out(self, step: Step) -> Outcome | None:
        """Why a step that could start must not, if so."""
        before = {name: self._outcomes[name] for name in step.needs()}
        for name, outcome in before.items():
            if outcome.state in {"failed", "blocked", "canceled"}:
                return Outcome(state="blocked", why=f"`{name}` did not complete")
        for gate in step.gates:
            if not passes(gate, before):
                return Outcome(state="skipped", why="the condition chose the other branch")
        for name, outcome in before.items():
            if outcome.state not in GOOD:
                return Outcome(state="skipped", why=f"`{name}` was skipped")
        if self._stopped.is_set():
            return Outcome(state="canceled", why="the pipeline was stopped")
        return None

    def _tell(
        self,
        name: str,
        state: StepState,
        *,
        run: str = "",
        seconds: float = 0.0,
        why: str = "",
        waits_for: tuple[str, ...] = (),
    ) -> None:
        self._on_step(
            StepChanged(
                step=name, state=state, run=run, seconds=seconds, why=why, waits_for=waits_for
            )
        )


def passes(gate: Gate, outcomes: Outcomes) -> bool:
    """Whether a condition came out as the gate wants it; a step without a value is an error."""
    match gate.source:
        case Given(value):
            return is_true(str(value)) is gate.wanted
        case FromStep(step, output):
            outcome = outcomes[step]
            if outcome.state not in GOOD:
                return False
            if output not in outcome.values:
                raise gate.place.error(f"step `{step}` gave no value to its output `{output}`")
            return is_true(outcome.values[output]) is gate.wanted
        case _:
            raise gate.place.error("a condition inside a loop reads an output of a step")


def is_true(text: str) -> bool:
    return text.strip().lower() in _TRUE
