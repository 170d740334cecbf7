"""From an environment to the requirements that pip must meet; says what it mapped or left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import assert_never

from toolkit.errors import SpecError
from toolkit.plans import azureml, conda_names
from toolkit.plans.model import CondaMode, ImageKind
from toolkit.specs.environment import CondaEnvironment, Dependency, PipEnvironment
from toolkit.specs.yamlfile import at_line

Listed = CondaEnvironment | PipEnvironment
"""Environments whose packages stand in a file."""

DEFAULT_PYTHON: Final = "3.11"
OLDEST_MINOR: Final = 8  # debugpy's own limit
SEEDS: Final = ("pip", "setuptools", "wheel")  # conda puts these into every environment with pip
_LOCAL: Final = re.compile(r"^(-e\b|--editable\b|\.|/|file:)|@\s*file:")
_OTHER_FILE: Final = re.compile(r"^(-[rc]\b|--requirement\b|--constraint\b)")
_NOT_OF_UV: Final = re.compile(r"--(pre|prefer-binary|trusted-host|use-feature)\b")
_CONDA_PACKAGE: Final = re.compile(
    r"(?:[\w./-]+::)?(?P<name>[A-Za-z0-9_][\w.-]*)"
    r"(?:\s*=(?P<exact>[^=<>!~,|*\s]+)=(?P<build>[\w.*]+)|\s*(?P<version>[=<>!~\d*].*)?)"
)
_PYTHON_BOUND: Final = re.compile(
    r"(?P<operator>[<>]=?|!=)\s*3(?:\.(?P<minor>\d+))?(?P<patch>(?:\.0*[1-9]\d*)?)(?:\.0+|\.?\*)*"
)
_VERSION: Final = re.compile(r"(?P<operator>[=<>!~]=|[=<>])?\s*(?P<number>\d[\w.+!]*(?:\.?\*)?)")


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """Input of a lock. `python` is `major.minor`; `notes` are sentences for the user.

    `upgrades` are locked after the others, and win where the two contradict each other.
    """

    python: str
    lines: tuple[str, ...]
    upgrades: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_requirements(
    environment: Listed, *, kind: ImageKind, mode: CondaMode = "auto"
) -> Requirements:
    """Requirements of an environment.

    Raises SpecError for a conda package in `auto` mode, for one that PyPI cannot give in
    `pip-only` mode, for a local path, and for an inference environment without the server.
    """
    upgrades: tuple[str, ...] = ()
    match environment:
        case CondaEnvironment():
            python, lines, notes = _from_conda(environment, mode)
            upgrades = tuple(dependency.text for dependency in environment.upgrades)
        case PipEnvironment():
            python, lines, notes = DEFAULT_PYTHON, [], [_no_python(environment)]
        case _:
            assert_never(environment)
    if kind == "inference":
        require_server(environment)
    lines += pip_lines(environment)
    notes += left_out(environment)
    named = {Dependency(text=line, line=None).name for line in lines}
    lines += [seed for seed in SEEDS if seed not in named]
    return Requirements(python=python, lines=tuple(lines), upgrades=upgrades, notes=tuple(notes))


def pip_lines(environment: Listed) -> list[str]:
    """The pip part as pip reads it; raises SpecError for what an image cannot get."""
    return [_pip_line(environment, dependency) for dependency in environment.pip]


def left_out(environment: Listed) -> list[str]:
    """Options of pip that uv passes over in a list of packages, with what to do."""
    notes = []
    for dependency in environment.pip:
        if match := _NOT_OF_UV.match(dependency.text):
            is_pre = match[1] == "pre"
            advice = (
                "name the pre-release, as `name>=1.0b1`" if is_pre else "it is no option of a list"
            )
            notes.append(f"`{dependency.text}` is left out: {advice}")
    return notes


def _from_conda(environment: CondaEnvironment, mode: CondaMode) -> tuple[str, list[str], list[str]]:
    python, lines, notes = "", [], []
    for dependency in environment.conda:
        if dependency.name == "python":
            python, note = python_version(environment, dependency)
            notes += note
        elif mode == "auto" and dependency.name not in SEEDS:
            raise at_line(
                environment.path,
                dependency.line,
                f"`{dependency.text}` is a conda package",
                hint="pass `--conda pip-only` to take it from PyPI, `--conda base` to let the base "
                "image's conda install it, `--conda rattler` where it has none, "
                "or move it under `pip:`",
            )
        else:
            line, note = _from_conda_package(environment, dependency)
            lines += line
            notes += note
    if not python:
        notes.append(_no_python(environment))
    return python or DEFAULT_PYTHON, lines, notes


def _no_python(environment: Listed) -> str:
    return f"{environment.path} pins no Python: using {DEFAULT_PYTHON}"


def python_version(environment: CondaEnvironment, dependency: Dependency) -> tuple[str, list[str]]:
    """`major.minor` of a `python…` line, and what to tell about it."""
    text = re.sub(r"^(?:[\w./-]+::)?python", "", dependency.text, flags=re.IGNORECASE).strip()
    if not text:
        return DEFAULT_PYTHON, [_no_python(environment)]
    if text.startswith((">", "<", "!")):
        return _python_of_range(environment, dependency, text)
    match = re.fullmatch(r"(?:[=~]=?=?)?\s*(3\.\d+)((?:\.\d+)*)(\.?\*)?(=.*)?(,.*)?", text)
    if not match:
        raise _no_python_version(environment, dependency)
    if int(match[1].partition(".")[2]) < OLDEST_MINOR:
        raise _too_old(environment, dependency)
    note = f"`{dependency.text}`: using Python {match[1]}, whatever its last part"
    return match[1], [note] if match[2] else []


def _python_of_range(
    environment: CondaEnvironment, dependency: Dependency, text: str
) -> tuple[str, list[str]]:
    """The default if the range has it, else the one next to it; conda would take the newest."""
    lowest, highest, excluded = 0, 99, set[int]()
    for condition in text.split(","):
        if re.fullmatch(r"<=?\s*4(\.0)*", condition.strip()):
            continue
        match = _PYTHON_BOUND.fullmatch(condition.strip())
        if not match:
            raise _no_python_version(environment, dependency)
        operator, minor = match["operator"], int(match["minor"] or 0)
        if operator in {">", ">="}:
            lowest = max(lowest, minor)
        elif operator == "!=":
            excluded |= set() if match["patch"] else {minor}
        else:
            without = operator == "<" and not match["patch"]
            highest = min(highest, minor - without)
    if highest < OLDEST_MINOR:
        raise _too_old(environment, dependency)
    default = int(DEFAULT_PYTHON.partition(".")[2])
    wanted = min(highest, max(lowest, default))
    fitting = [m for m in range(max(lowest, OLDEST_MINOR), wanted + 1) if m not in excluded]
    if not fitting:
        raise _no_python_version(environment, dependency)
    chosen = f"3.{fitting[-1]}"
    return chosen, [f"`{dependency.text}` allows several: using Python {chosen}"]


def _no_python_version(environment: CondaEnvironment, dependency: Dependency) -> SpecError:
    return at_line(
        environment.path,
        dependency.line,
        f"not a Python version: `{dependency.text}`",
        hint="write for example `python=3.11`",
    )


def _too_old(environment: CondaEnvironment, dependency: Dependency) -> SpecError:
    return at_line(
        environment.path,
        dependency.line,
        f"too old for the debugger: `{dependency.text}`",
        hint=f"pin Python 3.{OLDEST_MINOR} or newer",
    )


def _from_conda_package(
    environment: CondaEnvironment, dependency: Dependency
) -> tuple[list[str], list[str]]:
    name = dependency.name
    match = _CONDA_PACKAGE.fullmatch(dependency.text)
    if not match:
        raise at_line(environment.path, dependency.line, f"not a package: `{dependency.text}`")
    raw_name = match["name"].lower()
    if raw_name in conda_names.BUNDLED:
        return [], [f"`{dependency.text}`: left out, wheels bring this library themselves"]
    if name in conda_names.PROGRAMS or name.startswith("r-"):
        apt = conda_names.PROGRAMS.get(name, "")
        raise at_line(
            environment.path,
            dependency.line,
            f"`{dependency.text}` is not on PyPI",
            hint=f"install Debian's `{apt}` in a base image of your own and pass `--base`"
            if apt
            else "use a base image of your own that has it, and pass `--base`",
        )
    pip_name = conda_names.RENAMED.get(name, match["name"])
    version = f"=={match['exact']}" if match["exact"] else _version(match["version"] or "")
    if version is None:
        raise at_line(
            environment.path,
            dependency.line,
            f"not a version that pip knows: `{dependency.text}`",
            hint="write for example `=1.2` or `>=1.2,<2`",
        )
    line = pip_name + version
    said = [f"`{dependency.text}`: taken from PyPI as `{line}`"] if line != dependency.text else []
    return [line], said


def _version(conda: str) -> str | None:
    """The same condition for pip, None if pip cannot say it.

    `=1.2` is a prefix in conda: `==1.2.*` in pip. A bare number is exact in both.
    """
    parts: list[str] = []
    for text in filter(None, (part.strip() for part in conda.split(","))):
        match = _VERSION.fullmatch(text)
        if text.lstrip("=") == "*":
            continue
        if not match:
            return None
        operator, number = match["operator"] or "==", match["number"]
        if operator == "=":
            operator, number = "==", f"{number.rstrip('*').rstrip('.')}.*"
        elif number.endswith("*"):
            bare = number.rstrip("*").rstrip(".")
            number = f"{bare}.*" if operator in {"==", "!="} else bare
        parts.append(operator + number)
    return ",".join(parts)


def _pip_line(environment: Listed, dependency: Dependency) -> str:
    if _LOCAL.search(dependency.text):
        raise at_line(
            environment.path,
            dependency.line,
            f"a local path cannot be installed into an image: `{dependency.text}`",
            hint="put the code beside score.py, or build a wheel and serve it from an index",
        )
    if _OTHER_FILE.match(dependency.text):
        raise at_line(
            environment.path,
            dependency.line,
            f"another file cannot be included: `{dependency.text}`",
            hint="write its lines here: Azure ML is given this file alone",
        )
    if dependency.text == azureml.DEFAULTS_PACKAGE:
        # Ones of years ago go with any numpy and have no server: a resolver that wants the newest
        # numpy would fall back to them.
        return azureml.DEFAULTS_WITH_SERVER
    return dependency.text


def require_server(environment: Listed) -> None:
    """Azure ML's inference images exit with code 100 where the server package is missing."""
    servers = {azureml.SERVER_PACKAGE, azureml.DEFAULTS_PACKAGE}
    if not servers & {dependency.name for dependency in environment.pip}:
        raise _no_server(environment.path, "no inference server in this environment")


def require_locked_server(path: Path, lock: str) -> None:
    """The same of the exact versions: an old `azureml-defaults` brings no server.

    `path` is where the packages stand.
    """
    names = {line.split("==")[0].split(" @ ")[0]: line for line in lock.splitlines()}
    if azureml.DEFAULTS_PACKAGE in names and azureml.SERVER_PACKAGE not in names:
        raise _no_server(path, f"`{names[azureml.DEFAULTS_PACKAGE]}` brings no inference server")


def _no_server(path: Path, message: str) -> SpecError:
    return SpecError(
        f"{path}: {message}",
        hint=f"add `{azureml.SERVER_PACKAGE}` (or `{azureml.DEFAULTS_WITH_SERVER}`) under `pip:`",
    )
