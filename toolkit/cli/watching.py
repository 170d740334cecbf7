"""What watching does with a save: reload the code, or bring the environment up to date."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from toolkit.cli import console
from toolkit.cli.progress import BuildProgress
from toolkit.dev.reload import Agent
from toolkit.dev.watch import Watcher
from toolkit.engines.base import Amendable, Engine
from toolkit.engines.registry import make_engine
from toolkit.errors import BuildFailed, EmuError, NotReady
from toolkit.live.delta import Edit, FollowedEnvironment
from toolkit.live.image import ImageRequest, build_image
from toolkit.live.service import Service, start_service
from toolkit.plans.model import LaunchPlan, ReloadMode
from toolkit.settings import Settings

logger = logging.getLogger(__name__)


class Served(Protocol):
    """Whatever serves the code that is watched: one container, or several of a deployment."""

    @property
    def replicas(self) -> Sequence[tuple[Service, LaunchPlan]]: ...

    def reloaded(self) -> None:
        """Nothing that stands in front may lead to the old code any more."""
        ...


@dataclass
class Running:
    """The service in front, which may be replaced by another while somebody waits for its end."""

    engine: Engine
    service: Service
    plan: LaunchPlan
    failure: EmuError | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _over: bool = False

    @property
    def replicas(self) -> Sequence[tuple[Service, LaunchPlan]]:
        return [(self.service, self.plan)]

    def reloaded(self) -> None:
        """Nothing stands in front."""

    def replace(self, plan: LaunchPlan) -> Service | None:
        """Stop it and start another in its place; None if it is all over meanwhile."""
        with self._lock:
            if self._over:
                return None
            self.service.stop(self.engine)
            try:
                self.service, self.plan = start_service(self.engine, plan), plan
            except EmuError as error:
                self.failure = error
                raise
            return self.service

    def wait(self) -> None:
        """Return never; raise why the service ended, whichever it was by then."""
        while True:
            service = self.service
            state = service.handle.wait()
            with self._lock:  # a replacement under way is waited for
                if self.failure:
                    raise self.failure
                if self.service is service:
                    raise service.ended(state)

    def stop(self) -> None:
        with self._lock:
            self._over = True
            self.service.stop(self.engine)


@dataclass(frozen=True, kw_only=True)
class Saves:
    """The thread behind `--watch`.

    `renew` puts containers of another image in the place of those that serve, and returns False
    if it is all over meanwhile.
    """

    watcher: Watcher
    served: Served
    mode: ReloadMode
    environment: FollowedEnvironment
    request: ImageRequest
    settings: Settings
    engine: Engine
    renew: Callable[[str], bool]
    _building: threading.Lock = field(default_factory=threading.Lock)
    _wanted: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._follow, name="saves", daemon=True).start()

    def _follow(self) -> None:
        if self.watcher.polling:
            console.say("this file system reports no changes: looking at the files every 0.2 s")
        for batch in self.watcher.batches():
            try:
                self._saved(batch)
            except Exception as error:  # the boundary of the thread: the next save has its turn
                logger.debug("a save was not served", exc_info=True)
                console.warn(f"a bug of aml-emu kept this save from being served: {error!r}")

    def _saved(self, batch: frozenset[Path]) -> None:
        code = batch - self.environment.files
        changed = self._environment_saved() if batch & self.environment.files else None
        if code or changed:
            self._reload(code, changed or self.mode)
        if changed:  # only now: until then the reload may have the machine for itself
            threading.Thread(target=self._build_behind, name="build", daemon=True).start()

    def _reload(self, code: frozenset[Path], mode: ReloadMode) -> None:
        folder = self.watcher.folder
        names = ", ".join(sorted(str(path.relative_to(folder)) for path in code)[:5])
        what = names or "the service"
        for service, plan in self.served.replicas:
            try:
                result = _agent(service, plan).reload(code, code=folder, mode=mode)
            except EmuError as error:
                console.error(error)
                return
            if not result.ok:  # the next replica would say the same
                console.warn(f"{what}: {result.stage} failed, the old code goes on answering")
                console.traceback(result.traceback)
                return
            self.served.reloaded()
            console.say(f"reloaded {what} in {result.milliseconds:.0f} ms: {result.said}")

    def _environment_saved(self) -> ReloadMode | None:
        """How the code must be reloaded for the packages that came in; None if none did."""
        try:
            edit = self.environment.look()
            if edit is None:
                return None
            return self._take_in(edit)
        except EmuError as error:
            console.error(error)
            console.warn("the service goes on with the environment it has")
            return None

    def _take_in(self, edit: Edit) -> ReloadMode | None:
        console.say(f"environment changed: {'; '.join(edit.told)}")
        handles = [service.handle for service, _ in self.served.replicas]
        amendable = [handle for handle in handles if isinstance(handle, Amendable)]
        if edit.delta and len(amendable) == len(handles):
            try:
                for handle in amendable:
                    self.environment.bring(edit.delta, handle, trust=edit.trust)
            except (BuildFailed, NotReady) as error:
                console.warn(f"{error.message}: starting anew from an image instead")
            else:
                self.environment.has(edit)
                # What the server's master has loaded it would hand on to any new worker.
                return self.mode if edit.delta.is_only_new else "restart"
        self._replace(edit)
        return None

    def _replace(self, edit: Edit) -> None:
        """Build first: if that fails, the old service is still there."""
        with BuildProgress() as progress:
            image = build_image(
                self.request, self.settings, self.engine, say=console.say, on_event=progress
            )
        if not self.renew(image.tag):
            return
        self.environment.has(edit)
        for service, _ in self.served.replicas:
            console.say(f"`{service.name}` runs in a new container, from {image.tag}")
            if service.debugger:
                console.say("the debug session ended with the old one: attach again")

    def _build_behind(self) -> None:
        """The image that the next start will look for; on a connection of its own.

        One at a time: of several edits in a row the last one counts.
        """
        self._wanted.set()
        with self._building:
            if self._wanted.is_set():
                self._wanted.clear()
                self._build()

    def _build(self) -> None:
        engine = make_engine(self.settings.engine, self.settings.environ)
        try:
            image = build_image(
                self.request, self.settings, engine, say=lambda _: None, on_event=lambda _: None
            )
        except EmuError as error:
            console.warn(f"the image for the next start could not be built: {error.message}")
            return
        console.say(f"image for the next start: {image.tag}{'' if image.built else ' (unchanged)'}")


def _agent(service: Service, plan: LaunchPlan) -> Agent:
    """Whom to ask for a reload; NotReady if the service was started without one."""
    if plan.reload is None:
        raise NotReady(f"`{service.name}` was started without `--watch`")
    return Agent(service.handle, plan.reload.token)
