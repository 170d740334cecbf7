"""Who installs an environment's packages: our lock, a conda, or nobody because they are there.

The one place that looks at every kind of environment and every conda mode. Runs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from typing_extensions import assert_never

from toolkit.errors import SpecError
from toolkit.plans.model import CondaMode, ImageKind
from toolkit.plans.requirements import (
    DEFAULT_PYTHON,
    Requirements,
    left_out,
    pip_lines,
    plan_requirements,
    python_version,
    require_server,
)
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    Dependency,
    DockerfileEnvironment,
    Environment,
    ImageEnvironment,
    PipEnvironment,
)
from toolkit.specs.yamlfile import at_line

CondaTool = Literal["base", "rattler"]

NO_DEFAULTS: Final = "nodefaults"


@dataclass(frozen=True, kw_only=True)
class Locked:
    """Exact versions, installed by uv into an environment of this Python."""

    python: str
    lock: str


@dataclass(frozen=True, kw_only=True)
class CondaSolved:
    """Packages whose versions a conda decides while the image is built, then pip's on top.

    `upgrades` are installed last, whatever the others ask for.
    """

    tool: CondaTool
    channels: tuple[str, ...]
    specs: tuple[str, ...]
    requirements: tuple[str, ...]
    upgrades: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Present:
    """The image brings its own Python: this interpreter, or the one that is found in it."""

    interpreter: PurePosixPath | None = None
    notes: tuple[str, ...] = ()


Packages = Locked | CondaSolved | Present


def plan_packages(
    environment: Environment, *, kind: ImageKind, mode: CondaMode = "auto"
) -> Requirements | CondaSolved | Present:
    """What is to be installed; Requirements are still to be locked.

    Raises SpecError as `plan_requirements` does, and for a conda mode where there is no conda.
    """
    match environment:
        case CuratedEnvironment():
            return _curated(environment, kind, mode)
        case CondaEnvironment() if mode in {"base", "rattler"}:
            return _conda(environment, kind, "base" if mode == "base" else "rattler")
        case CondaEnvironment() | PipEnvironment():
            return plan_requirements(environment, kind=kind, mode=mode)
        case ImageEnvironment() | DockerfileEnvironment():
            return _present(environment)
        case _:
            assert_never(environment)


def _curated(
    environment: CuratedEnvironment, kind: ImageKind, mode: CondaMode
) -> Requirements | CondaSolved | Present:
    """As its recipe; an error cannot ask for an edit of a file that is ours."""
    try:
        return plan_packages(environment.recipe, kind=kind, mode=mode)
    except SpecError as error:
        hints = [error.hint]
        if kind != environment.kind:
            hints = [f"it is made for {environment.kind}: pass `--kind {environment.kind}`"]
        if environment.successor:
            hints = [f"use its successor: `{environment.successor}`"]
        raise SpecError(error.message, details=error.details, hint="; ".join(hints)) from error


def _present(environment: ImageEnvironment | DockerfileEnvironment) -> Present:
    interpreter = environment.interpreter
    if interpreter and not interpreter.startswith("/"):
        path = environment.path if isinstance(environment, ImageEnvironment) else None
        raise SpecError(
            f"{path or environment.name}: not an absolute path in the image: `{interpreter}`"
        )
    return Present(interpreter=PurePosixPath(interpreter) if interpreter else None)


def _conda(environment: CondaEnvironment, kind: ImageKind, tool: CondaTool) -> CondaSolved:
    if kind == "inference":
        require_server(environment)
    for dependency in environment.conda:
        _check_one_line(environment, dependency)
    notes = [f"{_who(tool)} decides the versions while the image is built: no lock is kept"]
    names = {dependency.name for dependency in environment.conda}
    specs = [dependency.text for dependency in environment.conda]
    if "python" not in names:
        specs.insert(0, f"python={DEFAULT_PYTHON}")
        notes.append(f"{environment.path} pins no Python: using {DEFAULT_PYTHON}")
    notes += left_out(environment)
    if "pip" not in names:
        specs.append("pip")  # as conda itself does where there is a pip section
    return CondaSolved(
        tool=tool,
        channels=environment.channels,
        specs=tuple(specs),
        requirements=tuple(pip_lines(environment)),
        upgrades=tuple(dependency.text for dependency in environment.upgrades),
        notes=tuple(notes),
    )


def _who(tool: CondaTool) -> str:
    return "the conda of the base image" if tool == "base" else "rattler"


def _check_one_line(environment: CondaEnvironment, dependency: Dependency) -> None:
    """Refuse what would break the list that conda reads, and a Python the debugger cannot enter."""
    if dependency.name == "python" and re.search(r"\d", dependency.text):
        python_version(environment, dependency)
    if len(dependency.text.splitlines()) > 1:
        raise at_line(environment.path, dependency.line, f"not a package: `{dependency.text}`")
