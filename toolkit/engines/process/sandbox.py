"""How a launch is kept apart from the rest of the machine: the best of three ways that works."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from toolkit.engines import command
from toolkit.engines.process.images import ProcessImage
from toolkit.engines.process.interior import PROGRAMS, Bind, Interior, host_system
from toolkit.engines.process.root import INSIDE, exchanged, own_program
from toolkit.errors import EngineUnavailable

Rung = Literal["bwrap", "unshare", "plain"]
RUNGS: Final[tuple[Rung, ...]] = ("bwrap", "unshare", "plain")

_PROBE_SECONDS: Final = 10.0
_BWRAP: Final = ("--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts")
_LACKS: Final = (
    "no image is built, there are no resource limits; the C library, the programs and the network "
    "are this machine's, so ports inside are those outside"
)
_PLAIN_LACKS: Final = (
    "plain processes see all files under this machine's paths: /var/azureml-app is your own "
    "folder, absolute paths written in code do not hold, read-only mounts can be written"
)


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One rung of the ladder, which has been tried. `refused` says why the better ones are not."""

    rung: Rung
    program: str
    version: str
    refused: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is used, why, and what it cannot give."""
        because = f" ({'; '.join(self.refused)})" if self.refused else ""
        plain = (_PLAIN_LACKS,) if self.rung == "plain" else ()
        return (f"no containers: using {self.version}{because}", _LACKS, *plain)


def choose(environ: Mapping[str, str], rungs: Sequence[Rung] = RUNGS) -> Sandbox:
    """The first rung that works here, found by trying; raises EngineUnavailable if none does."""
    refused: list[str] = []
    for rung in rungs:
        if rung == "plain":
            return Sandbox(rung=rung, program="", version="plain processes", refused=tuple(refused))
        tried = _try_bwrap(environ) if rung == "bwrap" else _try_unshare(environ)
        if isinstance(tried, Sandbox):
            return Sandbox(**{**vars(tried), "refused": tuple(refused)})
        refused.append(tried)
    raise EngineUnavailable(
        "no sandbox can be made on this machine",
        details="\n".join(refused),
        hint="install bubblewrap, or allow plain processes",
    )


def _try_bwrap(environ: Mapping[str, str]) -> Sandbox | str:
    program = shutil.which("bwrap", path=environ.get("PATH"))
    if program is None:
        return "bubblewrap is not installed"
    try_it = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true")
    outcome = command.run([program, *_BWRAP, *try_it], environ=environ, timeout=_PROBE_SECONDS)
    if outcome.exit_code:
        return f"bubblewrap does not work here: {outcome.errors.strip()}"
    return Sandbox(rung="bwrap", program=program, version="bubblewrap")


def _try_unshare(environ: Mapping[str, str]) -> Sandbox | str:
    with tempfile.TemporaryDirectory() as folder:
        probe = own_program(sys.executable, "namespaces", INSIDE.parent, folder)
        outcome = command.run(probe, environ=environ, timeout=_PROBE_SECONDS)
    if outcome.exit_code:
        return f"namespaces are not allowed here: {outcome.errors.strip()}"
    return Sandbox(rung="unshare", program=sys.executable, version="Linux namespaces")


def python_inside(sandbox: Sandbox, image: ProcessImage) -> str:
    """What runs our own programs inside."""
    plain = sandbox.rung == "plain"
    return sys.executable if plain else str(image.contents.prefix / "bin/python")


def outer_argv(
    sandbox: Sandbox, image: ProcessImage, interior: Interior, *, root: Path, hostname: str
) -> list[str]:
    """What the keeper starts; it adds the open files that the first process is given."""
    if sandbox.rung != "bwrap":
        return own_program(sys.executable, "first", INSIDE.parent)
    first = own_program(python_inside(sandbox, image), "first", PROGRAMS)
    binds = [
        word
        for bind in _ordered(image, interior)
        for word in (
            "--ro-bind" if bind.read_only else "--bind",
            str(bind.source),
            str(bind.target),
        )
    ]
    apart = [*_BWRAP, "--as-pid-1", "--hostname", hostname]
    system = ["--proc", "/proc", "--dev", "/dev"]
    return [sandbox.program, *apart, "--bind", str(root), "/", *binds, *system, "--", *first]


def inner_launch(
    sandbox: Sandbox,
    image: ProcessImage,
    interior: Interior,
    *,
    root: Path,
    hostname: str,
    paths: Mapping[str, str],
) -> dict[str, Any]:
    """What the first process is told. `paths` are exchanged in it, where nothing can be mounted."""
    namespaces = None
    if sandbox.rung == "unshare":
        binds = [
            [str(bind.source), str(bind.target), bind.read_only]
            for bind in _ordered(image, interior)
        ]
        namespaces = {"root": str(root), "binds": binds, "hostname": hostname}

    return {
        "argv": [exchanged(word, paths) for word in interior.argv],
        "env": {name: exchanged(text, paths) for name, text in interior.env.items()},
        "cwd": exchanged(str(interior.working_dir), paths),
        "namespaces": namespaces,
    }


def _ordered(image: ProcessImage, interior: Interior) -> list[Bind]:
    """Outer ones first, so that inner ones lie on them."""
    own = Bind(source=INSIDE, target=PROGRAMS / INSIDE.name)
    return sorted(
        (own, *host_system(image), *interior.binds), key=lambda bind: len(bind.target.parts)
    )
