"""Whether a package index has a wheel of some version for an image. Installs nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import uv

from toolkit.engines import command
from toolkit.engines.lock import UV_PLATFORMS, Run
from toolkit.engines.trust import HostTrust
from toolkit.engines.unresolved import failure

_NO_SOLUTION = 1


def has_wheel(
    requirement: str,
    *,
    python: str,
    platform: str,
    trust: HostTrust,
    environ: Mapping[str, str],
    folder: Path,
    run: Run = command.run,
) -> bool:
    """Whether `name==version` can be installed there without compiling it.

    `folder` is where uv works. Raises BuildFailed when the index cannot be asked.
    """
    argv = [
        uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
        "--no-deps", "--only-binary", ":all:", "--index-strategy", "unsafe-best-match",
        "--python", sys.executable, "--python-version", python,
        "--python-platform", UV_PLATFORMS[platform],
    ]  # fmt: skip
    outcome = run(argv, environ={**environ, **trust.for_uv()}, cwd=folder, stdin=f"{requirement}\n")
    if outcome.exit_code == _NO_SOLUTION and "No solution found" in outcome.errors:
        return False
    if outcome.exit_code:
        raise failure(outcome.exit_code, outcome.errors, folder)
    return True
