"""A conda file, or the same mapping written inside another file, into a CondaEnvironment."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from toolkit.specs.environment.model import CondaEnvironment, Dependency, is_one_line, slug
from toolkit.specs.yamlfile import YamlFile, nearest, parse


class CondaFile(BaseModel):
    """The keys conda allows (docs.conda.io, "Creating an environment file manually")."""

    model_config = ConfigDict(defer_build=True, extra="forbid", coerce_numbers_to_str=True)

    dependencies: list[Any]  # packages, and at most one `pip:` mapping: checked entry by entry
    name: str | None = None
    channels: list[str] = []
    prefix: str | None = None
    variables: dict[str, str] = {}


def conda_environment(file: YamlFile) -> CondaEnvironment:
    """The packages a conda file asks for.

    Raises SpecError with `path:line` for anything the file does not say properly.
    """
    spec = parse(CondaFile, file, what="an environment file")
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
        name=slug(spec.name or file.path.resolve().parent.name),
        path=file.path,
        channels=tuple(spec.channels),
        conda=tuple(conda),
        pip=tuple(pip),
        variables=checked_variables(file, "variables", spec.variables),
    )


def checked_variables(file: YamlFile, key: str, variables: dict[str, str]) -> dict[str, str]:
    """The same, if an image can hold them: Docker knows no line breaks in a variable."""
    for name, value in variables.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise file.error((key, name), f"not a name for a variable: `{name}`")
        if not is_one_line(value):
            hint = "a block of YAML ends with a line break: write the value behind its name"
            raise file.error((key, name), f"`{name}` must be one line", hint=hint)
    return dict(variables)


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
