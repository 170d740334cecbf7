"""A component: what a step does, and which inputs and outputs it declares. Reads files only.

The keys are those of commandComponent.schema.json, pipelineComponent.schema.json and
parallelComponent.schema.json of Azure ML's CLI (v2).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.specs.inputs import ASSET_TYPES, LITERAL_TYPES, Input, OutputMode
from toolkit.specs.yamlfile import YamlFile, nearest, parse

FOLDERS: Final = frozenset(
    {"uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"}
)
FILES: Final = frozenset({"uri_file", "custom_model"})
DATA_TYPES: Final = ASSET_TYPES
_UNSUPPORTED: Final = frozenset(
    {"automl", "spark", "import", "data_transfer", "parallel_for", "flow_parallel"}
)


def known_type(value: str) -> str:
    """For validators: a type of data or of a literal."""
    valid = sorted(ASSET_TYPES | LITERAL_TYPES)
    if value not in valid:
        raise ValueError(f"unknown type: {value}; {nearest(value, valid)}")
    return value


class ComponentInput(Input):
    """One declared input: data, or a literal with its limits."""

    type: str  # type: ignore[assignment]  # here it must be said
    display_name: str | None = None
    is_resource: bool | None = None

    _type = field_validator("type")(known_type)

    @property
    def is_data(self) -> bool:
        return self.type in DATA_TYPES

    @property
    def is_required(self) -> bool:
        return not self.optional and self.default is None


class ComponentOutput(BaseModel):
    """One declared output. A control output is a value that a condition may read."""

    model_config = ConfigDict(extra="forbid")

    type: str = "uri_folder"
    description: str | None = None
    display_name: str | None = None
    mode: OutputMode | None = None
    is_control: bool | None = None
    early_available: bool | None = None
    path: str | None = None
    name: str | None = None
    version: str | int | None = None

    _type = field_validator("type")(known_type)


class Component(BaseModel):
    """What every kind of component has."""

    model_config = ConfigDict(extra="forbid")

    schema_: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    version: str | int | float | None = None
    display_name: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    is_deterministic: bool = True
    inputs: dict[str, ComponentInput] = {}
    outputs: dict[str, ComponentOutput | None] = {}


class CommandComponent(Component):
    """A command line and the environment it runs in."""

    type: Literal["command"] = "command"
    command: str
    environment: str | dict[str, Any] | None = None
    code: str | None = None
    environment_variables: dict[str, Any] = {}
    resources: dict[str, Any] | None = None
    distribution: dict[str, Any] | None = None
    additional_includes: list[Any] | None = None
    limits: dict[str, Any] | None = None


class ParallelTask(BaseModel):
    """What runs on each mini-batch."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["run_function", "function", "model"] = "run_function"
    code: str | None = None
    entry_script: str
    program_arguments: str | None = None
    append_row_to: str | None = None
    environment: str | dict[str, Any] | None = None
    model: Any = None


class RetrySettings(BaseModel):
    """How often and how long one mini-batch may be tried."""

    model_config = ConfigDict(extra="forbid")

    timeout: float = 60
    max_retries: int = Field(default=3, ge=0)


class ParallelKeys(BaseModel):
    """What a parallel component and a parallel node both may say."""

    model_config = ConfigDict(extra="forbid")

    input_data: str | None = None
    mini_batch_size: str | int | None = None
    partition_keys: list[str] | str | None = None
    max_concurrency_per_instance: int | None = Field(default=None, ge=1)
    error_threshold: int | None = Field(default=None, ge=-1)
    mini_batch_error_threshold: int | None = Field(default=None, ge=-1)
    retry_settings: RetrySettings | None = None
    logging_level: str | None = None
    task: ParallelTask | None = None
    environment_variables: dict[str, Any] = {}
    resources: dict[str, Any] | None = None


class ParallelComponent(ParallelKeys, Component):
    """An entry script that is called with mini-batches of one input."""

    type: Literal["parallel"] = "parallel"
    additional_includes: list[Any] | None = None


class PipelineComponent(Component):
    """Steps behind one set of inputs and outputs; they are read where the graph is made."""

    type: Literal["pipeline"] = "pipeline"
    jobs: dict[str, Any]
    settings: dict[str, Any] | None = None


AnyComponent = CommandComponent | ParallelComponent | PipelineComponent
_KINDS: Final[dict[str, type[AnyComponent]]] = {
    "command": CommandComponent,
    "parallel": ParallelComponent,
    "pipeline": PipelineComponent,
}


def component_of(file: YamlFile) -> AnyComponent:
    """Raises SpecError with `path:line` for what is no component, or one that cannot run here."""
    written = file.data.get("type") if isinstance(file.data, dict) else None
    kind = str(written or _kind_of_keys(file))
    refuse_unsupported(kind, file, ("type",), what="component")
    if kind not in _KINDS:
        raise file.error(
            ("type",), f"unknown type of component: {kind}", hint=nearest(kind, list(_KINDS))
        )
    return parse(_KINDS[kind], file, what="a component")


def refuse_unsupported(
    kind: str, file: YamlFile, location: tuple[str | int, ...], *, what: str
) -> None:
    """Raise SpecError for kinds that exist in Azure ML and cannot run on one machine."""
    if kind in _UNSUPPORTED or kind.startswith("designer"):
        raise file.error(
            location,
            f"a {what} of type `{kind}` needs a service of Azure's and cannot run here",
            hint="replace it by a `command`, or run the others with `--only`",
        )


def _kind_of_keys(file: YamlFile) -> str:
    keys = file.data if isinstance(file.data, dict) else {}
    if "jobs" in keys:
        return "pipeline"
    return "parallel" if "task" in keys else "command"
