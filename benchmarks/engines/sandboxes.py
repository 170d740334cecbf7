"""What a launch costs beside its command: `true`, launched on each side and started bare."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.engines.report import Series
from benchmarks.engines.sides import Side
from benchmarks.reload.project import Project
from toolkit.engines.base import Engine
from toolkit.live.image import ImageRequest, build_image
from toolkit.plans.model import LaunchPlan
from toolkit.settings import load_settings

BARE = "bare process"
_TITLE = "launch of `true` to its end"


def measure(sides: Sequence[Side], scratch: Path, *, runs: int) -> list[Series]:
    """In the example's image, with all its files and folders, as a service has it."""
    project = Project(scratch)
    engines = {side.name: side.engine() for side in sides}
    images = {side.name: _image(side, engines[side.name], project) for side in sides}
    seconds: dict[str, list[float]] = {name: [] for name in (*engines, BARE)}
    for run in range(runs + 1):
        for name, engine in engines.items():
            taken = _launch(engine, images[name])
            if run:
                seconds[name].append(taken)
        started = time.monotonic()
        subprocess.run(["true"], check=True)
        if run:
            seconds[BARE].append(time.monotonic() - started)
    return [Series(title=_TITLE, side=side, seconds=values) for side, values in seconds.items()]


def _image(side: Side, engine: Engine, project: Project) -> str:
    settings = replace(load_settings(cwd=project.folder), environ=dict(side.environ))
    request = ImageRequest(env=str(project.folder / "env.yml"), kind="inference")
    return build_image(request, settings, engine, say=lambda _: None, on_event=lambda _: None).tag


def _launch(engine: Engine, image: str) -> float:
    name = f"test-bench-{os.urandom(4).hex()}"
    plan = LaunchPlan(kind="run", name=name, image=image, command=("true",))
    started = time.monotonic()
    handle = engine.launch(plan)
    ended = handle.wait(60)
    seconds = time.monotonic() - started
    handle.stop(grace=0)
    if ended.exit_code != 0:
        raise SystemExit(f"`true` ended with {ended.exit_code}")
    return seconds
