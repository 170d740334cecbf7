"""An environment that is edited while its service runs: what changed, and how it gets in.

The packages go into the running container, so that its ports and the debug session stay; what a
later start uses is the image, which is built behind. docs/decisions says why.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.engines.base import Amendable
from toolkit.engines.trust import HostTrust
from toolkit.engines.wheels import fetch, packed
from toolkit.errors import NotReady
from toolkit.live.image import ImageRequest, Planned, plan_without_building
from toolkit.plans import emulation
from toolkit.plans.delta import Delta, changes_between, delta_between, site_packages
from toolkit.plans.foundation import files_of
from toolkit.plans.model import ImagePlan
from toolkit.settings import Settings
from toolkit.specs.environment import CuratedEnvironment


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What a saved environment asks for. Without a `delta` it takes another container."""

    plan: ImagePlan
    trust: HostTrust
    delta: Delta | None
    told: tuple[str, ...]


class FollowedEnvironment:
    """The environment of a running service, and its files as they were when last looked at."""

    def __init__(self, request: ImageRequest, settings: Settings, *, platform: str) -> None:
        self._request = request
        self._settings = settings
        self._platform = request.platform or platform
        environment = request.environment()
        own = not isinstance(environment, CuratedEnvironment)
        self.files = (
            frozenset(path.resolve() for path in files_of(environment)) if own else frozenset()
        )
        self._seen = _digest(self.files)
        self._plan = self._planned().plan

    def look(self) -> Edit | None:
        """What the files ask for now; None if that is nothing new.

        Raises what a build would raise for files that are wrong; asked again, the same files are
        nothing new.
        """
        seen = _digest(self.files)
        if seen == self._seen:
            return None
        self._seen = seen
        planned = self._planned()
        delta = delta_between(self._plan, planned.plan)
        if delta and delta.is_empty:
            return None
        return Edit(
            plan=planned.plan,
            trust=planned.trust,
            delta=delta,
            told=changes_between(self._plan, planned.plan) or ("its Dockerfile's folder changed",),
        )

    def has(self, edit: Edit) -> None:
        """The running service has what the edit asked for: the next one is compared with it."""
        self._plan = edit.plan

    def bring(self, delta: Delta, handle: Amendable, *, trust: HostTrust) -> None:
        """Put the packages into the container. Nothing is touched before all of it is fetched.

        Raises BuildFailed when something cannot be fetched, NotReady when the container refuses.
        """
        contents = delta.contents
        with tempfile.TemporaryDirectory(prefix="aml-emu-delta-") as scratch:
            if delta.install:
                fetch(
                    delta.install,
                    into=Path(scratch),
                    python=contents.python,
                    platform=self._platform,
                    trust=trust,
                    environ=self._settings.environ,
                )
            if delta.remove:
                python = str(contents.prefix / "bin/python")
                program = str(emulation.RUNTIME_PACKAGE / "uninstall.py")
                done = handle.exec_as_root([python, "-I", program, *delta.remove])
                if done.exit_code:
                    raise NotReady("packages could not be removed", details=done.output.strip())
            if delta.install:
                packages = site_packages(contents)
                with packed(Path(scratch), prefix=contents.prefix, packages=packages) as archive:
                    handle.put(archive)

    def _planned(self) -> Planned:
        return plan_without_building(
            self._request, self._settings, platform=self._platform, say=lambda _: None
        )


def _digest(files: Iterable[Path]) -> str:
    """Of the files' content; one that is not there for a moment, as editors save, has none."""
    digest = hashlib.sha256()
    for path in sorted(files):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        digest.update(f"{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()
