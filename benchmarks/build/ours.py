"""Our side, as a user runs it: the `aml-emu` command, timed from its start to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks.build import daemon, typical
from toolkit.engines.base import BuildOptions
from toolkit.engines.docker.peek import peek
from toolkit.live.image import ImageRequest, plan_without_building
from toolkit.plans.model import PlacedFile
from toolkit.settings import DEFAULT_BASE, load_settings

ROOT = Path(__file__).resolve().parents[2]
_BYTECODE = Path(tempfile.gettempdir()) / "aml-emu-bench-bytecode"


@dataclass(frozen=True)
class Timed:
    """How long a command took, and the document it printed."""

    seconds: float
    document: Mapping[str, Any]


def command(project: Path, *arguments: str) -> Timed:
    """`aml-emu build --env env.yml --json …`; fails as the command fails."""
    module = ["toolkit.cli", "build", "--env", "env.yml", "--json", *arguments]
    seconds, output = _timed(project, module)
    return Timed(seconds, json.loads(output))


def cold(project: Path, scratch: Path, name: str) -> float:
    """With an empty uv cache, without layers, without anything in the cache mounts."""
    base = f"{name}:base"
    lines = f"FROM {DEFAULT_BASE}\nLABEL io.aml-emu.bench={name}\n"
    file = PlacedFile(path=PurePosixPath("Dockerfile"), content=lines.encode())
    daemon.build([file], tag=base, no_cache=True)
    more = {"UV_CACHE_DIR": str(scratch / f"uv-{name}")}
    seconds, _ = _timed(project, ["benchmarks.build.fresh", "env.yml", base, name], more)
    return seconds


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """As in a terminal: a Python that keeps what it compiles, here in a folder of our own."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(_BYTECODE)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**variables, **(more or {})}


def _timed(
    project: Path, module: Sequence[str], more: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """Seconds from the start of a module's process to its end, and what it printed."""
    argv = [sys.executable, "-m", *module]
    started = time.monotonic()
    done = subprocess.run(
        argv, cwd=project, env=environ(more), capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{argv}\n{done.stderr}")
    return seconds, done.stdout


def check_milliseconds(project: Path) -> float:
    """The look at the engine alone: is there an image of these inputs?"""
    settings = replace(load_settings(cwd=project), environ=dict(os.environ))
    engine = peek(os.environ)
    if engine is None or (info := engine.info()) is None:
        raise SystemExit("the check is measured on a local socket")
    request = ImageRequest(env=str(project / "env.yml"), kind="inference")
    planned = plan_without_building(request, settings, platform=info.platform, say=lambda _: None)
    started = time.monotonic()
    found = engine.unchanged(planned.plan, BuildOptions())
    seconds = time.monotonic() - started
    if found is None:
        raise SystemExit("the image that was just built is not found")
    return seconds * 1000


def edit_score(project: Path) -> None:
    (project / "score.py").write_text(typical.SCORE + "\n# edited\n")
