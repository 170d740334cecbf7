"""A run that has been launched: its output as it comes, its end, and what is kept of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from toolkit.engines.base import Handle, State
from toolkit.errors import Conflict, EmuError, EngineUnavailable
from toolkit.live.collect import collect
from toolkit.live.room import full_disk, give_back_room, is_full
from toolkit.live.run_events import Event, RunEvents
from toolkit.live.run_launch import Launched
from toolkit.live.run_logs import LogFile, epilogue
from toolkit.live.run_outcome import Evidence, outcome_of
from toolkit.plans.job_layout import LOGS, OUTPUTS
from toolkit.plans.run import CODE, log_files
from toolkit.specs.job import CommandJob
from toolkit.workspace.model import NewAsset, Run
from toolkit.workspace.workspace import Workspace

GRACE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02
_BLOCK: Final = 1 << 18
_TAIL: Final = 1 << 16
_ENDING_SECONDS: Final = 30.0


class Tracker(Protocol):
    """What a run needs of the tracking server; see `live/tracking/server.py`."""

    def variables(
        self, run: Run, *, host: str, given: Mapping[str, str] | None = None
    ) -> Mapping[str, str]: ...
    def end(self, run: str) -> None: ...


class LiveRun:
    """Made by `start_run`. `run` is as it was last seen; any thread may ask, cancel and wait."""

    def __init__(
        self,
        *,
        run: Run,
        launched: Launched,
        job: CommandJob,
        workspace: Workspace,
        tracking: Tracker | None,
        log: LogFile,
        begin: int,
        heard: Callable[[Event], None] | None,
    ) -> None:
        self.run = run
        self.launched = launched
        self.engine_lost: EngineUnavailable | None = None  # it went away before the run's end
        self._job = job
        self._workspace = workspace
        self._tracking = tracking
        self._log = log
        self._begin = begin  # what the service wrote before is not the user's output
        self._started = time.monotonic()
        self._heard = heard
        self._events = RunEvents(self.handle, self._hear)
        self._listening = threading.Event()
        self._finishing = threading.Lock()
        self._finished = False

    @property
    def handle(self) -> Handle:
        return self.launched.handle

    @property
    def folder(self) -> Path:
        return self._workspace.folder_of(self.run.name)

    def start(self) -> None:
        """Begin to listen to it; called once, by who made it."""
        self._events.start()

    def wait_listening(self) -> bool:
        """Whether its debugger can be attached to: waits until it can, or the job has ended."""
        while not (over := self._events.is_over) and not self._listening.wait(_LOOK_SECONDS):
            pass
        return not over

    def follow(self) -> Iterator[bytes]:
        """The output of the job's (first) process from its beginning, until the job has ended."""
        with self._log.path.open("rb", buffering=0) as log:
            log.seek(self._begin)
            while True:
                over = self._events.is_over  # asked first: no last word is missed
                if chunk := log.read(_BLOCK):
                    yield chunk
                elif over:
                    return
                else:
                    self._events.wait_over(_LOOK_SECONDS)

    def wait(self) -> Run:
        """Block until it has ended; collects what it wrote and records how it ended."""
        self._events.wait_over(None)
        return self.finish()

    def cancel(self, grace: float = GRACE_SECONDS) -> None:
        """End it with everything it started; logs and outputs are kept. Then `wait`."""
        give_back_room(self.folder)
        try:
            with suppress(Conflict):  # it has ended, or somebody else cancels it too
                self._workspace.runs.advance(self.run.name, "CancelRequested")
        finally:
            self._stop(grace)

    def finish(self) -> Run:
        """Record the end of a job that has ended, once."""
        with self._finishing:
            if not self._finished:
                self._finish()
                self._finished = True
        return self.run

    def _finish(self) -> None:
        runs, name = self._workspace.runs, self.run.name
        state, lost = self._last_state()
        full = full_disk(self._workspace.state_folder).message if is_full(self.folder) else ""
        give_back_room(self.folder)
        canceled = runs.get(name).status == "CancelRequested"
        if not canceled:
            try:
                runs.advance(name, "Finalizing")
            except Conflict:  # canceled in this moment
                canceled = True
        began = time.monotonic()
        problem = collect(self.folder / CODE, self.folder, {OUTPUTS: OUTPUTS, LOGS: LOGS})
        evidence = replace(
            self._evidence(state),
            canceled=canceled,
            not_collected=problem,
            engine_lost=lost,
            full=full,
        )
        outcome = outcome_of(evidence)
        if outcome.status == "Completed" and (problem := self._register_outputs()):
            outcome = outcome_of(replace(evidence, not_collected=problem))
        if self._job.era == "v1":
            code = outcome.exit_code if outcome.exit_code is not None else 1
            self._log.say(epilogue(code, time.monotonic() - began))
        if self._tracking is not None:
            self._tracking.end(name)
        self.run = runs.advance(
            name, outcome.status, exit_code=outcome.exit_code, error=outcome.error
        )
        self._stop(grace=0)

    def _last_state(self) -> tuple[State, str]:
        """What became of it; or that nobody knows, and why."""
        try:
            return self.handle.wait(_ENDING_SECONDS), ""
        except EngineUnavailable as error:
            self.engine_lost = error
            return State(status="gone"), error.message

    def _stop(self, grace: float) -> None:
        try:
            self.handle.stop(grace=grace)
        except EngineUnavailable as error:  # which is part of how the run ended
            self.engine_lost = error

    def _evidence(self, state: State) -> Evidence:
        """How the job itself ended."""
        ended = self._events.ended or {}
        logs = log_files(self._job, self.run.name)
        rank = int(ended.get("rank") or 0)
        return Evidence(
            state=state,
            ended=self._events.ended,
            timeout=self._job.timeout,
            log=_tail(self.folder / logs[min(rank, len(logs) - 1)]),
            strange=self._events.strange,
        )

    def _register_outputs(self) -> str:
        """Outputs with a name become versions of data and models, as in the service.

        Returns what went wrong, empty if nothing did.
        """
        for key, path in self.run.outputs.items():
            output = self._job.outputs[key]
            if output.name is None or not path.exists():
                continue
            model = output.type in {"mlflow_model", "custom_model", "triton_model"}
            wanted = NewAsset(
                kind="model" if model else "data",
                name=output.name,
                version=output.version,
                type=output.type,
                path=path,
                source_run=self.run.name,
            )
            try:
                self._workspace.assets.register(wanted)
            except (EmuError, OSError) as error:
                return f"output `{key}` could not be registered as `{output.name}`: {error}"
        return ""

    def _hear(self, event: Event) -> None:
        if event["event"] == "listening":
            self._listening.set()
        if self._heard is not None:
            self._heard(event)


def _tail(path: Path) -> str:
    """The last part of a log; empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
