"""From a lock to an environment that can be launched, when uv has downloaded everything before."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.build import daemon, typical
from benchmarks.engines.report import Series
from benchmarks.engines.sides import DOCKER, Side, without_environments
from toolkit.engines.base import BuildOptions
from toolkit.live.image import ImageRequest, Planned, plan_without_building
from toolkit.settings import load_settings


def measure(sides: Sequence[Side], *, runs: int) -> list[Series]:
    """Turn by turn. The first of each side, which may download, does not count."""
    name = f"aml-emu-bench-{os.urandom(4).hex()}"
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    with (
        TemporaryDirectory(dir=_home_of(sides)) as scratch,
        daemon.leaving_nothing(name),
    ):
        for run in range(runs + 1):
            for side in sides:
                taken = _build(side, Path(scratch), f"{name}-{run}")
                if run:
                    seconds[side.name].append(taken)
    return [
        Series(title="environment from lock, warm", side=side, seconds=values)
        for side, values in seconds.items()
    ]


def _home_of(sides: Sequence[Side]) -> Path:
    """On the file system of the cache, as a user's cache is."""
    return Path(sides[-1].environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _build(side: Side, scratch: Path, name: str) -> float:
    """One build under a name that nobody has used, so that no layer and no folder is there."""
    project = scratch / side.name / name
    typical.write_project(project, name)
    fresh = side
    if side.name != DOCKER:
        fresh = without_environments(side, scratch / f"{side.name}-{name}-cache")
    engine = fresh.engine()
    planned = _plan(fresh, project, engine.check().platform)
    values = planned.trust.secrets()
    options = BuildOptions(secrets={key: values[key] for key in planned.plan.secrets})
    started = time.monotonic()
    image = engine.build(planned.plan, options, lambda _: None)
    seconds = time.monotonic() - started
    if not image.built:
        raise SystemExit(f"{side.name} had built it before")
    return seconds


def _plan(side: Side, project: Path, platform: str) -> Planned:
    settings = replace(load_settings(cwd=project), environ=dict(side.environ))
    request = ImageRequest(env=str(project / "env.yml"), kind="inference")
    return plan_without_building(request, settings, platform=platform, say=lambda _: None)
