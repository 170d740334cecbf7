"""A v1 Environment as the v1 SDK writes it, the same keys in JSON and YAML.

It is the whole of azureml_environment.json, or `environment` in a run configuration.
"""

# ruff: noqa: N815  # the names of the service's JSON

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from toolkit.errors import SpecError
from toolkit.specs.environment.asset import checked_image
from toolkit.specs.environment.condafile import checked_variables, conda_environment
from toolkit.specs.environment.dockerfile import load_dockerfile, stages
from toolkit.specs.environment.model import (
    CondaEnvironment,
    Dockerfile,
    DockerfileEnvironment,
    ImageEnvironment,
    slug,
)
from toolkit.specs.yamlfile import YamlFile, load_yaml, parse, read_text

CONFIGURATION_FOLDERS: Final = (".azureml", "aml_config")  # their files mean the project's root
_SAVED_CONDA: Final = "conda_dependencies.yml"
_SAVED_DOCKERFILE: Final = "BaseDockerfile"
_ANY_PYTHON: Final = {"python", "python3", ""}


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", coerce_numbers_to_str=True)


class DefinitionFile(_Strict):
    """The keys of a v1 Environment."""

    name: str | None = None
    version: str | None = None
    assetId: str | None = None  # these are the names in the file
    python: dict[str, Any] | None = None
    docker: dict[str, Any] | None = None
    environmentVariables: dict[str, str] | None = None
    spark: dict[str, Any] | None = None
    databricks: dict[str, Any] | None = None
    r: Any = None
    inferencingStackVersion: str | None = None
    modelImageDetails: Any = None


class _Python(_Strict):
    userManagedDependencies: bool = False
    interpreterPath: str | None = None
    condaDependencies: dict[str, Any] | None = None
    condaDependenciesFile: str | None = None
    baseCondaEnvironment: str | None = None


class _Docker(_Strict):
    enabled: bool | None = None
    baseImage: str | None = None
    baseDockerfile: str | None = None
    buildContext: dict[str, Any] | None = None
    baseImageRegistry: dict[str, Any] | None = None
    platform: dict[str, Any] | None = None
    arguments: list[Any] | None = None
    sharedVolumes: bool | None = None
    shmSize: str | None = None
    gpuSupport: bool | None = None


class _BuildContext(_Strict):
    location: str
    locationType: str = "localpath"
    dockerfilePath: str = "Dockerfile"


def definition_environment(
    file: YamlFile,
) -> CondaEnvironment | DockerfileEnvironment | ImageEnvironment:
    """What a v1 Environment is made of; `file.data` is the Environment itself.

    Raises SpecError with `path:line` for what the file does not say properly.
    """
    spec = parse(DefinitionFile, file, what="an environment")
    python, docker = _python(file, spec), _docker(file, spec)
    variables = checked_variables(file, "environmentVariables", spec.environmentVariables or {})
    base = _base(file, docker)
    _check_platform(file, docker)
    notes = _notes(spec, python, docker)
    name = slug(spec.name or _root(file).resolve().name)
    if python.userManagedDependencies:
        interpreter = None if python.interpreterPath in _ANY_PYTHON else python.interpreterPath
        if base is None:
            raise file.error(
                ("python", "userManagedDependencies"),
                "no image that could bring the dependencies",
                hint="write `docker.baseImage` or `docker.baseDockerfile`",
            )
        return _user_managed(file, base, name, interpreter, variables, notes)
    conda = _conda(file, python)
    return replace(
        conda,
        name=name,
        base=base,
        variables={**conda.variables, **variables},
        notes=notes,
    )


def _user_managed(
    file: YamlFile,
    base: str | Dockerfile,
    name: str,
    interpreter: str | None,
    variables: dict[str, str],
    notes: tuple[str, ...],
) -> DockerfileEnvironment | ImageEnvironment:
    if isinstance(base, Dockerfile):
        return DockerfileEnvironment(
            name=name, dockerfile=base, interpreter=interpreter, variables=variables, notes=notes
        )
    return ImageEnvironment(
        name=name,
        image=base,
        path=file.path,
        interpreter=interpreter,
        variables=variables,
        notes=notes,
    )


def _python(file: YamlFile, spec: DefinitionFile) -> _Python:
    if spec.python is None:
        return _Python()
    return parse(_Python, file.section("python"), what="`python`")


def _docker(file: YamlFile, spec: DefinitionFile) -> _Docker:
    if spec.docker is None:
        return _Docker()
    return parse(_Docker, file.section("docker"), what="`docker`")


def _check_platform(file: YamlFile, docker: _Docker) -> None:
    system = (docker.platform or {}).get("os")
    if system and str(system).lower() != "linux":
        raise file.error(("docker", "platform"), f"only `Linux` can be emulated: {system}")


def _notes(spec: DefinitionFile, python: _Python, docker: _Docker) -> tuple[str, ...]:
    """What a v1 Environment may hold and no image can."""
    registry = docker.baseImageRegistry or {}
    left_out = {
        "python.baseCondaEnvironment": python.baseCondaEnvironment,
        "docker.arguments": docker.arguments,
        "docker.baseImageRegistry.username": registry.get("username"),
        "spark.packages": (spec.spark or {}).get("packages"),
        "r": spec.r,
    }
    return tuple(f"`{key}` is left out" for key, value in left_out.items() if value)


def _base(file: YamlFile, docker: _Docker) -> str | Dockerfile | None:
    given = [
        key
        for key, value in (
            ("baseImage", docker.baseImage),
            ("baseDockerfile", docker.baseDockerfile),
            ("buildContext", docker.buildContext),
        )
        if value
    ]
    if len(given) > 1:
        raise file.error(
            ("docker", given[1]),
            f"`{given[0]}` and `{given[1]}` exclude each other",
            hint="set one of them to null",
        )
    if docker.baseDockerfile:
        return _base_dockerfile(file, docker.baseDockerfile)
    if docker.buildContext:
        return _build_context(file)
    if docker.baseImage:
        registry = (docker.baseImageRegistry or {}).get("address")
        image = f"{registry}/{docker.baseImage}" if registry else docker.baseImage
        return checked_image(file, ("docker", "baseImage"), image)
    saved = file.path.parent / _SAVED_DOCKERFILE
    return load_dockerfile(saved, context=None) if saved.is_file() else None


def _base_dockerfile(file: YamlFile, text: str) -> Dockerfile:
    """The Dockerfile's text, as the SDK saves it, or the path of one, as people write it."""
    if "\n" not in text.strip() and not text.upper().lstrip().startswith(("FROM", "ARG", "#")):
        path = _root(file) / text.strip()
        if not path.is_file():
            raise file.error(("docker", "baseDockerfile"), f"Dockerfile not found: {path}")
        return load_dockerfile(path, context=None)
    line = file.line(("docker", "baseDockerfile")) or 1
    # a YAML block begins on the line after its key; one string of JSON is one line
    block = file.text_line(line).rstrip().endswith(("|", "|-", "|+", ">", ">-"))
    dockerfile = Dockerfile(
        path=file.path, text=text, first_line=line + block, on_one_line=not block
    )
    stages(dockerfile)
    return dockerfile


def _build_context(file: YamlFile) -> Dockerfile:
    section = file.section("docker", "buildContext")
    spec = parse(_BuildContext, section, what="`buildContext`")
    if spec.locationType.lower() not in {"localpath", "local"} or "://" in spec.location:
        raise section.error(("location",), f"not a folder on this machine: `{spec.location}`")
    folder = _root(file) / spec.location
    path = folder / spec.dockerfilePath
    if not path.is_file():
        raise section.error(("location",), f"Dockerfile not found: {path}")
    return load_dockerfile(path, context=folder)


def _conda(file: YamlFile, python: _Python) -> CondaEnvironment:
    if python.condaDependencies is not None:
        return conda_environment(file.section("python", "condaDependencies"))
    if python.condaDependenciesFile is not None:
        return conda_environment(_named_conda_file(file, python.condaDependenciesFile))
    saved = file.path.parent / _SAVED_CONDA
    if saved.is_file():
        return conda_environment(load_yaml(saved, what="conda file"))
    raise file.error(
        ("python",),
        "no conda dependencies",
        hint="write `python.condaDependencies` or `python.condaDependenciesFile`, "
        "or `python.userManagedDependencies: true` for an image that brings them",
    )


def _named_conda_file(file: YamlFile, name: str) -> YamlFile:
    """A run configuration names files from the project's root, but people also name neighbours."""
    candidates = dict.fromkeys((_root(file) / name, file.path.parent / name))
    for path in candidates:
        if path.is_file():
            return load_yaml(path, what="conda file")
    try:
        read_text(next(iter(candidates)), what="conda file")
    except SpecError as error:
        location = ("python", "condaDependenciesFile")
        raise file.error(location, error.message, hint=error.hint) from error
    raise AssertionError(name)  # read_text found a file that is_file() did not


def _root(file: YamlFile) -> Path:
    folder = file.path.parent
    return folder.parent if folder.resolve().name in CONFIGURATION_FOLDERS else folder
