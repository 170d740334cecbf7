"""The first steps of a build, run while what the later ones need is still being worked out.

Nothing depends on them but time: the build itself comes upon their results in the engine's cache,
and says what is wrong with them if they fail.
"""

# ruff: noqa: PLC0415  # what only some commands need is imported by them

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from toolkit.engines.base import BuildOptions
from toolkit.engines.events import BuildEvent, ImageReady
from toolkit.errors import EmuError
from toolkit.plans.model import ImagePlan

if TYPE_CHECKING:
    from docker import DockerClient

logger = logging.getLogger(__name__)


class Ahead:
    """A build under way in a thread of its own, which leaves no image."""

    def __init__(
        self,
        connect: Callable[[], DockerClient],
        plan: ImagePlan,
        options: BuildOptions,
        on_event: Callable[[BuildEvent], None],
        environ: Mapping[str, str],
    ) -> None:
        self._cancel = threading.Event()
        self._thread = threading.Thread(
            target=self._run,
            args=(connect, plan, options, on_event, environ),
            name="build ahead",
            daemon=True,  # Ctrl-C does not wait for it; the engine ends it with its connection
        )
        self._thread.start()

    def wait(self) -> None:
        """Until it has ended."""
        self._thread.join()

    def give_up(self) -> None:
        """End it: its results are of no more use."""
        self._cancel.set()
        self._thread.join()

    def _run(
        self,
        connect: Callable[[], DockerClient],
        plan: ImagePlan,
        options: BuildOptions,
        on_event: Callable[[BuildEvent], None],
        environ: Mapping[str, str],
    ) -> None:
        # Loading the SDK is a part of what is done ahead.
        from toolkit.engines.buildkit import build_image, builder_of
        from toolkit.engines.buildkit.buildx import BUILDER_VARIABLE
        from toolkit.engines.docker.images import request_of

        if environ.get(BUILDER_VARIABLE):
            return  # another builder would not find it in its cache
        try:
            client = connect()
            if builder_of(client.api.version()) != "buildkit":
                return  # Podman keeps every step as an image, wanted or not
            build_image(
                client.api,
                request_of(plan, options, without_image=True),
                on_event=on_event,
                environment=environ,
                cancel=self._cancel,
                builder="buildkit",
            )
        except EmuError as error:
            logger.debug("the first steps failed ahead of the build: %s", error.message)
            on_event(ImageReady(id=""))  # the build's own steps count from 1 again
