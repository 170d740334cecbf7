"""`aml-emu build` on a machine that never built anything, next to one's own caches.

    python -m benchmarks.build.fresh ENVIRONMENT BASE NAME

Nobody else's caches are emptied for a number: the base is an image that no layer stands on yet, and
the cache mounts get a name that nobody has used. The rest is what the command does, its start-up
included.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from toolkit.cli import app  # noqa: F401  # what starting the command costs
from toolkit.cli.progress import BuildProgress
from toolkit.engines.base import BuildOptions, Image
from toolkit.engines.docker import DockerEngine
from toolkit.engines.events import BuildEvent
from toolkit.live.image import ImageRequest, build_image
from toolkit.plans.model import ImagePlan
from toolkit.settings import Settings, load_settings

_OUR_CACHE = "aml-emu-uv"  # the mount's name and its place
_FIRST_STEP = "AS groundwork\nUSER root\nRUN"


class FreshEngine(DockerEngine):
    """Docker, with cache mounts of another name."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings.environ)
        self._name = name

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        return super().begin(self._renamed(plan), options, on_event)

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image:
        return super().build(self._renamed(plan), options, on_event)

    def _renamed(self, plan: ImagePlan) -> ImagePlan:
        """Where the name stands, the cache's records can be found again, to be removed."""
        text = plan.dockerfile
        for ours, fresh in (
            (_OUR_CACHE, f"{self._name}-uv"),
            (_FIRST_STEP, f"{_FIRST_STEP} : {self._name} &&"),
        ):
            if ours not in text:
                raise SystemExit(f"the Dockerfile has changed: no `{ours}` in it")
            text = text.replace(ours, fresh)
        return replace(plan, dockerfile=text)


def main(env: str, base: str, name: str) -> None:
    settings = load_settings(engine="docker", base=base)
    with BuildProgress(json=True) as progress:
        image = build_image(
            ImageRequest(env=env),
            settings,
            FreshEngine(settings, name),
            say=progress.say,
            on_event=progress,
        )
    if not image.built:
        raise SystemExit("nothing was built")
    print(image.tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
