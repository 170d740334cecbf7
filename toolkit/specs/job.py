"""A command job as the user wrote it: v2 YAML, a v1 run configuration, or just a script.

The keys are those of commandJob.schema.json, "CLI (v2) command job YAML schema". Reads files only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.errors import SpecError
from toolkit.specs.distribution import Distribution, read_distribution
from toolkit.specs.environment import Environment, environment_section
from toolkit.specs.expressions import ExpressionError, check_references, parse_expression
from toolkit.specs.inputs import Input, Output, read_inputs, read_outputs
from toolkit.specs.yamlfile import YamlFile, nearest_file, parse

_MEMORY: Final = re.compile(r"(?:^|\s)(?:--memory|-m)[=\s]+(\d+[bkmgBKMG]?)(?=\s|$)")


def is_size(text: str) -> bool:
    """A number and a unit, `512m`: docs.docker.com, "docker run", `--shm-size`."""
    return bool(re.fullmatch(r"\d+(\.\d+)?([bkmg]b?)?", text, re.IGNORECASE | re.ASCII))


class ResourcesFile(BaseModel):
    """`resources`: of a machine that is not there, only what can be kept here counts."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    instance_count: int = Field(default=1, ge=1)
    instance_type: str | list[str] | None = None
    shm_size: str | None = None
    docker_args: str | list[str] | None = None
    properties: dict[str, Any] = {}
    locations: list[str] | None = None
    max_instance_count: int | None = None

    @field_validator("shm_size")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None and not is_size(value):
            raise ValueError(f"not a size as Docker writes it, for example `2g`: {value}")
        return value

    @property
    def memory(self) -> str | None:
        """The limit that `docker_args` sets, the one thing of them that means something here."""
        given = self.docker_args or []
        text = given if isinstance(given, str) else " ".join(given)
        found = _MEMORY.search(text)
        return found[1] if found else None

    @property
    def further_docker_args(self) -> str:
        """What they say besides."""
        given = self.docker_args or []
        return _MEMORY.sub("", given if isinstance(given, str) else " ".join(given)).strip()


class LimitsFile(BaseModel):
    """`limits`: `timeout` in seconds."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    timeout: float | None = Field(default=None, gt=0)


class JobFile(BaseModel):
    """The keys of a command job."""

    model_config = ConfigDict(defer_build=True, extra="forbid", coerce_numbers_to_str=True)

    schema_: str | None = Field(default=None, alias="$schema")
    type: Literal["command"] = "command"
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    command: str
    code: str | None = None
    environment: str | dict[str, Any]
    compute: str | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    environment_variables: dict[str, str] = {}
    distribution: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None
    limits: dict[str, Any] | None = None
    services: dict[str, Any] | None = None
    identity: dict[str, Any] | None = None
    queue_settings: dict[str, Any] | None = None
    job_tier: str | None = None
    priority: str | None = None
    parent_job_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class CommandJob:
    """What to run: a `command` for bash (v2), or a `script` with `arguments` (v1).

    `environment` is one that was read, or a reference that only a workspace can resolve. `code`
    is the folder to copy, `includes` are what lies beside it there, by name (see
    `specs/includes.py`). `file` is where all this was written, for errors that come later, and
    `location` where in it.
    """

    command: str | None = None
    script: str | None = None
    arguments: tuple[str, ...] = ()
    code: Path | None = None
    includes: Mapping[str, Path] = field(default_factory=dict)
    environment: Environment | str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    distribution: Distribution | None = None
    instance_count: int = 1
    shm_size: str | None = None
    memory: str | None = None
    timeout: float | None = None
    name: str | None = None
    display_name: str | None = None
    experiment: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    compute: str | None = None
    file: YamlFile | None = None
    location: tuple[str, ...] = ()
    is_v1: bool = False
    notes: tuple[str, ...] = ()

    @property
    def era(self) -> Literal["v1", "v2"]:
        """Which service's layout it expects: folders, log files, variables."""
        return "v1" if self.is_v1 or self.script is not None else "v2"

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return self.file.path.parent if self.file else self.code or Path()

    def error(self, location: Sequence[str], problem: str, *, hint: str = "") -> SpecError:
        """A SpecError that begins with `path:line`, where there is a file."""
        if self.file is None:
            return SpecError(problem, hint=hint)
        return self.file.error((*self.location, *location), problem, hint=hint)


def command_job(file: YamlFile) -> CommandJob:
    """A v2 command job; raises SpecError with `path:line` for what it does not say properly."""
    spec = parse(JobFile, file, what="a command job")
    inputs, outputs = read_inputs(file, "inputs"), read_outputs(file, "outputs")
    check_command(file, ("command",), spec.command, inputs=inputs, outputs=outputs)
    resources = _section(file, "resources", ResourcesFile)
    limits = _section(file, "limits", LimitsFile)
    return CommandJob(
        command=spec.command,
        code=code_folder(file, ("code",), spec.code),
        environment=environment_of(file, "environment"),
        inputs=inputs,
        outputs=outputs,
        environment_variables=spec.environment_variables,
        distribution=read_distribution(file, "distribution"),
        instance_count=resources.instance_count,
        shm_size=resources.shm_size,
        memory=resources.memory,
        timeout=limits.timeout,
        name=spec.name,
        display_name=spec.display_name,
        experiment=spec.experiment_name,
        description=spec.description or "",
        tags={key: str(value) for key, value in spec.tags.items()},
        properties={key: str(value) for key, value in spec.properties.items()},
        compute=spec.compute,
        file=file,
        notes=tuple(_notes(spec, resources)),
    )


def script_job(
    script: Path,
    *,
    environment: Environment | str,
    arguments: Sequence[str] = (),
    code: Path | None = None,
) -> CommandJob:
    """The job that runs one script, as the v1 SDK's ScriptRunConfig does.

    `code` is the folder to copy: the script's own, unless another one around it is named.
    """
    if not script.is_file():
        hint = nearest_file(script)
        raise SpecError(f"script not found: {script}", hint=hint)
    folder = (code or script.parent).resolve()
    path = script.resolve()
    if not path.is_relative_to(folder):
        raise SpecError(f"the script lies outside the code folder {folder}: {script}")
    return CommandJob(
        script=path.relative_to(folder).as_posix(),
        arguments=tuple(arguments),
        code=folder,
        environment=environment,
    )


def check_command(
    file: YamlFile,
    location: tuple[str, ...],
    command: str,
    *,
    inputs: Mapping[str, Input],
    outputs: Mapping[str, Output],
    more: Mapping[tuple[str, ...], Sequence[str]] | None = None,
) -> None:
    """See that each `${{…}}` of a command names an input or output of the job.

    `more` are further things that can be named, as `${{search_space.x}}` in a sweep's trial.
    """
    known: dict[tuple[str, ...], Sequence[str]] = {
        ("inputs",): list(inputs),
        ("outputs",): list(outputs),
        **(more or {}),
    }
    try:
        check_references(parse_expression(command), known)
    except ExpressionError as error:
        raise file.error(location, f"`{location[-1]}`: {error.message}", hint=error.hint) from error


def code_folder(file: YamlFile, location: tuple[str, ...], written: str | None) -> Path | None:
    """The folder that `code` means, relative to the file's own."""
    if written is None:
        return None
    text = written.removeprefix("file://" if written.startswith("file:///") else "file:")
    if "://" in text or text.startswith(("azureml:", "git+")):
        raise file.error(
            location,
            f"code that is not on this machine cannot be run here: {written}",
            hint="fetch it and name its folder",
        )
    folder = file.path.parent / text
    if folder.is_file():
        raise file.error(location, f"`code` must be a folder, this is a file: {folder}")
    if not folder.is_dir():
        raise file.error(location, f"no such folder: {folder}")
    return folder.resolve()


def environment_of(file: YamlFile, *location: str) -> Environment | str:
    """What `environment` means: an inline one or a file is read, a registered name is kept."""
    written = file.section(*location).data
    if isinstance(written, str) and written.strip().startswith("azureml:"):
        return written.strip()
    return environment_section(file, *location)


def _section(file: YamlFile, key: str, model: type[Any]) -> Any:
    if file.data.get(key) is None:
        return model()
    return parse(model, file.section(key), what=f"`{key}`")


def _notes(spec: JobFile, resources: ResourcesFile) -> list[str]:
    """What such a file may hold that this machine has no use for."""
    left_out = {
        "services": spec.services,
        "identity": spec.identity,
        "queue_settings": spec.queue_settings,
        "resources.instance_type": resources.instance_type,
        "resources.docker_args": resources.further_docker_args,
    }
    notes = [f"`{key}` is left out: the job runs here" for key, value in left_out.items() if value]
    if spec.compute not in {None, "local", "azureml:local", "serverless"}:
        notes.append(f"the job runs here, not on its compute: {spec.compute}")
    return notes
