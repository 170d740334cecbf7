"""Finding a Python of the wanted version on this machine, without installing one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import uv

from toolkit.engines import command
from toolkit.engines.process.probes import Probes
from toolkit.errors import EngineUnavailable

SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin"
_PROBE: Final = (
    "import json, os, sys; print(json.dumps(["
    "'%d.%d.%d' % sys.version_info[:3], sys.base_prefix, os.path.realpath(sys.executable)]))"
)
_PROBE_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python of the host. `prefix` is where its standard library lies."""

    version: str
    executable: Path
    prefix: Path

    @property
    def identity(self) -> str:
        """Changes when environments made from it would no longer be the same."""
        return f"python {self.version} {self.executable}"


class Run(Protocol):
    """What runs a candidate: `command.run`."""

    def __call__(
        self, argv: Sequence[str], *, environ: Mapping[str, str], timeout: float | None = None
    ) -> command.Outcome: ...


def find_interpreter(
    wanted: str,
    environ: Mapping[str, str],
    *,
    run: Run = command.run,
    system: str = SYSTEM_PATH,
    probes: Probes | None = None,
) -> Interpreter:
    """The first Python `major.minor` that answers: the system's, ours, on PATH, pyenv's, uv's.

    With `probes` one that answered before is not asked again. Raises EngineUnavailable if this
    machine has none.
    """
    tried: set[Path] = set()
    for candidate in _candidates(wanted, environ, run, system):
        if candidate not in tried:
            tried.add(candidate)
            found = _probe(candidate, environ, run, probes)
            if found and found.version.startswith(f"{wanted}."):
                return found
    raise EngineUnavailable(
        f"this machine has no Python {wanted}, which the environment asks for",
        hint=f"install it, e.g. with `uv python install {wanted}`, or use `--engine docker`",
    )


def _candidates(wanted: str, environ: Mapping[str, str], run: Run, system: str) -> Iterator[Path]:
    # The distribution's own is optimised; one that pyenv compiled takes up to three times as long.
    if found := shutil.which(f"python{wanted}", path=system):
        yield Path(found)
    if wanted == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(os.path.realpath(sys.executable))  # resolve() raises on loops
    path = environ.get("PATH", os.defpath)
    for name in (f"python{wanted}", "python3", "python"):
        if program := shutil.which(name, path=path):
            yield Path(program)
    home = Path(environ.get("HOME") or "~").expanduser()
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    yield from sorted(pyenv.glob(f"{wanted}.*/bin/python"), key=_patch_number, reverse=True)
    if managed := _known_to_uv(wanted, environ, run):
        yield managed


def _patch_number(python: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in python.parts[-3].split(".") if part.isdigit())


def _known_to_uv(wanted: str, environ: Mapping[str, str], run: Run) -> Path | None:
    argv = [uv.find_uv_bin(), "python", "find", "--quiet", "--no-project", "--system"]
    offline = {**environ, "UV_PYTHON_DOWNLOADS": "never"}
    outcome = run([*argv, wanted], environ=offline)
    return Path(outcome.output.strip()) if outcome.exit_code == 0 else None


def _probe(
    python: Path, environ: Mapping[str, str], run: Run, probes: Probes | None
) -> Interpreter | None:
    """What it says of itself; None if it cannot be run (pyenv's shims say so only when tried)."""
    said = probes.get(python) if probes else None
    if said is None:
        said = _asked(python, environ, run)
        # what a shim says depends on where it is called: only a Python speaks for itself
        if said and probes and said[2] == os.path.realpath(python):
            probes.keep(python, said)
    if said is None:
        return None
    version, prefix, executable = said
    return Interpreter(version=version, prefix=Path(prefix), executable=Path(executable))


def _asked(python: Path, environ: Mapping[str, str], run: Run) -> list[str] | None:
    try:
        outcome = run([str(python), "-I", "-c", _PROBE], environ=environ, timeout=_PROBE_SECONDS)
    except (EngineUnavailable, OSError):
        return None
    if outcome.exit_code:
        return None
    said: list[str] = json.loads(outcome.output)
    return said
