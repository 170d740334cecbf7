"""What all steps of one walk share: where they run, what they may reuse, how they are debugged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from toolkit.engines.base import Engine
from toolkit.live.environments import environment_named
from toolkit.live.image import ImageRequest, OnEvent, Say, build_image
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.digest import Digests
from toolkit.live.pipeline.outcome import OnStep
from toolkit.live.pipeline.reuse import Results
from toolkit.live.run import RunCanceled, RunRequest, Tracker, start_run
from toolkit.plans.model import CondaMode
from toolkit.plans.pipeline.graph import Step
from toolkit.plans.run_debug import RunDebug
from toolkit.settings import Settings
from toolkit.specs.environment import Environment
from toolkit.specs.job import CommandJob
from toolkit.workspace.data import DataLocator
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

_STOPPED: Final = "the pipeline was stopped before the step's image was there"


class Launch(Protocol):
    """Starts the run of a step; `start_run` with all that it needs."""

    def __call__(self, request: RunRequest) -> LiveRun: ...


class Announce(Protocol):
    """Told of each step that a debugger can attach to, once its run is there."""

    def __call__(self, step: Step, live: LiveRun) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StepDebug:
    """Which steps are debugged, how, and on which ports of this machine."""

    debugs: Mapping[str, RunDebug] = field(default_factory=dict)
    run_names: Mapping[str, str] = field(default_factory=dict)
    announce: Announce = lambda step, live: None  # noqa: ARG005  # nobody listens


class Environments:
    """What the names of environments mean; each is looked up once in a walk."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[str, Environment] = {}

    def __call__(self, named: Environment | str) -> Environment:
        """Raises NotFound for one that neither the workspace nor Azure has."""
        if not isinstance(named, str):
            return named
        if named not in self._known:
            self._known[named] = environment_named(named, self._workspace)
        return self._known[named]


class Images:
    """The image of each environment, built once however many steps wait for it."""

    def __init__(self, build: Callable[[CommandJob], str]) -> None:
        self._build = build
        self._building = threading.Lock()  # two builds would fight for the machine anyway
        self._lock = threading.Lock()
        self._known: dict[object, Future[str]] = {}
        self._canceled = False

    def of(self, job: CommandJob) -> str:
        """Raises RunCanceled once nobody wants it any more."""
        with self._lock:
            image = self._known.get(job.environment)
            if image is None:
                if self._canceled:
                    raise RunCanceled(_STOPPED)
                image = self._known[job.environment] = Future()
                work = threading.Thread(target=self._make, args=(job, image), daemon=True)
                work.start()
        try:
            return image.result()
        except CancelledError as error:
            raise RunCanceled(_STOPPED) from error

    def cancel(self) -> None:
        """Nobody waits any more; what is being built goes on no longer than this process."""
        with self._lock:
            self._canceled = True
            for image in self._known.values():
                image.cancel()

    def _make(self, job: CommandJob, image: Future[str]) -> None:
        with self._building:
            if image.cancelled():
                return
            try:
                made = self._build(job)
            except BaseException as error:  # noqa: BLE001  # it is raised by those who wait
                with suppress(InvalidStateError):
                    image.set_exception(error)
            else:
                with suppress(InvalidStateError):  # cancelled meanwhile
                    image.set_result(made)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything a step needs beside its own definition."""

    workspace: Workspace
    parent: Run
    path: Path
    locator: DataLocator
    digests: Digests
    results: Results
    images: Images
    environments: Environments
    launch: Launch
    on_step: OnStep
    anew: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    reuse: bool = True
    resumed: frozenset[str] = frozenset()
    max_parallel: int = 4
    debug: StepDebug = field(default_factory=StepDebug)
    overrides: Mapping[str, str] = field(default_factory=dict)


def image_builder(
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    *,
    conda: CondaMode,
    say: Say,
    on_event: OnEvent,
) -> Images:
    """Images of jobs' environments on this engine."""

    def build(job: CommandJob) -> str:
        request = ImageRequest(
            env=lambda: environment_named(job.environment, workspace), kind="training", conda=conda
        )
        image = build_image(request, settings, engine, say=say, on_event=on_event)
        say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
        return image.tag

    return Images(build)


def launcher(
    workspace: Workspace,
    engine: Engine,
    settings: Settings,
    *,
    tracking: Callable[[], Tracker | None],
    say: Say,
    on_event: OnEvent,
) -> Launch:
    """`start_run` on this engine; the tracking server is asked for when the first run needs it."""

    def launch(request: RunRequest) -> LiveRun:
        return start_run(
            request,
            workspace=workspace,
            engine=engine,
            settings=settings,
            tracking=tracking(),
            say=say,
            on_event=on_event,
        )

    return launch
