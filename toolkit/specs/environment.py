"""What the user wrote about an environment: which packages, which Python. Reads files only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import YamlFile, load_yaml, nearest, nearest_file, parse


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One line of a dependency list, with the line it stands on."""

    text: str
    line: int | None

    @property
    def name(self) -> str:
        """Lower-case package name: `Scikit_Learn==1.5` gives `scikit-learn`."""
        match = re.match(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)", self.text)
        return re.sub(r"[-_.]+", "-", match[1]).strip("-").lower() if match else ""


@dataclass(frozen=True, kw_only=True)
class CondaEnvironment:
    """A conda environment file: what `az ml` and the SDK take as `conda_file`."""

    name: str
    path: Path
    channels: tuple[str, ...] = ()
    conda: tuple[Dependency, ...] = ()
    pip: tuple[Dependency, ...] = ()
    variables: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class PipEnvironment:
    """A pip requirements file."""

    name: str
    path: Path
    pip: tuple[Dependency, ...] = ()


Environment = CondaEnvironment | PipEnvironment


class _CondaFile(BaseModel):
    """The keys conda allows (docs.conda.io, "Creating an environment file manually")."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    dependencies: list[Any]  # packages, and at most one `pip:` mapping: checked entry by entry
    name: str | None = None
    channels: list[str] = []
    prefix: str | None = None
    variables: dict[str, str] = {}


def load_environment(path: Path) -> Environment:
    """Read a conda file (`.yml`, `.yaml`, `.json`) or a requirements file (`.txt`).

    Raises SpecError with `path:line` for anything the file does not say properly.
    """
    if path.suffix == ".txt":
        return _load_requirements(path)
    file = load_yaml(path, what="environment file")
    spec = parse(_CondaFile, file, what="an environment file")
    conda: list[Dependency] = []
    pip: list[Dependency] = []
    for index, entry in enumerate(spec.dependencies):
        location = ("dependencies", index)
        if isinstance(entry, str):
            conda.append(_conda_dependency(file, location, entry))
        elif isinstance(entry, dict):
            pip.extend(_pip_section(file, location, entry))
        else:
            raise file.error(location, f"a dependency must be text or a `pip:` list: `{entry}`")
    return CondaEnvironment(
        name=slug(spec.name or path.resolve().parent.name),
        path=path,
        channels=tuple(spec.channels),
        conda=tuple(conda),
        pip=tuple(pip),
        variables=_variables(file, spec.variables),
    )


def slug(text: str) -> str:
    """A name that Docker, conda and file systems all accept; `env` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "env"


def _conda_dependency(file: YamlFile, location: tuple[str, int], text: str) -> Dependency:
    dependency = Dependency(text=text.strip(), line=file.line(location))
    if not dependency.name:
        raise file.error(location, f"not a package: `{text}`")
    return dependency


def _pip_section(
    file: YamlFile, location: tuple[str, int], entry: dict[str, Any]
) -> list[Dependency]:
    for key in entry:
        if key != "pip":
            raise file.error((*location, key), f"unknown key `{key}`", hint=nearest(key, ["pip"]))
    if not isinstance(entry["pip"], list) or not all(isinstance(e, str) for e in entry["pip"]):
        raise file.error((*location, "pip"), "`pip` must be a list of requirements")
    return [
        Dependency(text=text.strip(), line=file.line((*location, "pip", index)))
        for index, text in enumerate(entry["pip"])
    ]


def _variables(file: YamlFile, variables: dict[str, str]) -> dict[str, str]:
    """The same, if an image can hold them: Docker knows no line breaks in a variable."""
    for name, value in variables.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise file.error(("variables", name), f"not a name for a variable: `{name}`")
        if len(value.splitlines()) > 1:
            raise file.error(("variables", name), f"`{name}` must be one line")
    return dict(variables)


def _load_requirements(path: Path) -> PipEnvironment:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise SpecError(
            f"requirements file not found: {path}", hint=nearest_file(path) or "check the path"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"requirements file cannot be read: {path}", details=str(error)) from error
    pip = tuple(
        Dependency(text=text, line=number)
        for number, line in enumerate(lines, start=1)
        if (text := re.sub(r"(^|\s)#.*", "", line).strip())
    )
    return PipEnvironment(name=slug(path.resolve().parent.name), path=path, pip=pip)
