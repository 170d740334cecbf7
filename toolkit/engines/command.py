"""Running programs of the host: the only door to subprocess (the process engine aside)."""

from __future__ import annotations

import logging
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import EngineUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a program ended. `output` is stdout, `errors` stderr."""

    exit_code: int
    output: str
    errors: str


def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float | None = None,
) -> Outcome:
    """Run `argv` to its end and hand back what it said; never raises for an exit code."""
    logger.debug("running: %s", shlex.join(argv))
    try:
        done = subprocess.run(
            list(argv),
            env=dict(environ),
            cwd=cwd,
            input=stdin,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise EngineUnavailable(f"program not found: {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(
            f"`{shlex.join(argv)}` did not end within {timeout:.0f} s"
        ) from error
    return Outcome(exit_code=done.returncode, output=done.stdout, errors=done.stderr)
