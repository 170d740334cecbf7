"""A v2 pipeline job and its nodes as the user wrote them. Reads one file, resolves nothing.

The keys are those of pipelineJob.schema.json of Azure ML's CLI (v2).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.specs.component import ParallelKeys, known_type, refuse_unsupported
from toolkit.specs.inputs import InputMode, OutputMode
from toolkit.specs.sweep import SweepKeys
from toolkit.specs.yamlfile import YamlFile, nearest, parse

PortValue = str | int | float | bool | dict[str, Any] | None
_STRICT: Final = ConfigDict(extra="forbid")


def _known_if_said(value: str | None) -> str | None:
    return None if value is None else known_type(value)


class DataValue(BaseModel):
    """Data given by its path; in a node the path may be a binding."""

    model_config = _STRICT

    type: str | None = None
    path: str | None = None
    mode: InputMode | None = None
    value: Any = None
    description: str | None = None
    name: str | None = None
    version: str | int | None = None
    datastore: str | None = None
    default: Any = None
    optional: bool | None = None
    enum: list[Any] | None = None
    min: float | None = None
    max: float | None = None

    _type = field_validator("type")(_known_if_said)

    @field_validator("value", "default")
    @classmethod
    def _literal(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, bool | int | float | str):
            raise ValueError(f"neither text, a number nor a boolean: {value}")
        return value

    @field_validator("enum")
    @classmethod
    def _literals(cls, values: list[Any] | None) -> list[Any] | None:
        return values and [cls._literal(each) for each in values]


class OutputValue(BaseModel):
    """What a pipeline or a node says of an output: what it is, where it lands, under which name."""

    model_config = _STRICT

    type: str | None = None
    path: str | None = None
    mode: OutputMode | None = None
    description: str | None = None
    name: str | None = None
    version: str | int | float | None = None
    datastore: str | None = None
    is_control: bool | None = None
    early_available: bool | None = None

    _type = field_validator("type")(_known_if_said)


class Settings(BaseModel):
    """How the pipeline as a whole behaves. Without a word on failures the first one ends it."""

    model_config = _STRICT

    default_compute: str | None = None
    default_datastore: str | None = None
    force_rerun: bool = False
    continue_on_step_failure: bool | None = None
    on_init: str | None = None
    on_finalize: str | None = None


class PipelineJob(BaseModel):
    """The whole file; `jobs` are read one by one with `node_of`."""

    model_config = _STRICT

    schema_: str | None = Field(default=None, alias="$schema")
    type: Literal["pipeline"] = "pipeline"
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    experiment_name: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    compute: str | None = None
    identity: dict[str, Any] | None = None
    settings: Settings = Settings()
    inputs: dict[str, PortValue] = {}
    outputs: dict[str, PortValue] = {}
    jobs: dict[str, Any] | None = None
    component: str | dict[str, Any] | None = None


class NodeKeys(BaseModel):
    """What every node of a pipeline may say."""

    model_config = _STRICT

    schema_: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    comment: str | None = None
    experiment_name: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    component: str | dict[str, Any] | None = None
    compute: str | None = None
    identity: dict[str, Any] | None = None
    services: dict[str, Any] | None = None
    queue_settings: dict[str, Any] | None = None
    inputs: dict[str, PortValue] = {}
    outputs: dict[str, PortValue] = {}
    is_deterministic: bool | None = None


class Limits(BaseModel):
    """Seconds that a step may take."""

    model_config = _STRICT

    timeout: float | None = Field(default=None, gt=0)


class CommandNode(NodeKeys):
    """A command: of a component, with what this node says otherwise, or written here."""

    type: Literal["command"] = "command"
    command: str | None = None
    code: str | None = None
    environment: str | dict[str, Any] | None = None
    environment_variables: dict[str, Any] = {}
    resources: dict[str, Any] | None = None
    distribution: dict[str, Any] | None = None
    limits: Limits | None = None


class PipelineNode(NodeKeys):
    """Another pipeline as one step."""

    type: Literal["pipeline"] = "pipeline"
    settings: Settings | None = None
    jobs: dict[str, Any] | None = None


class ParallelNode(ParallelKeys, NodeKeys):
    """One input in mini-batches."""

    type: Literal["parallel"] = "parallel"
    limits: Limits | None = None


class SweepNode(SweepKeys, NodeKeys):
    """Many trials of one command."""

    type: Literal["sweep"] = "sweep"
    trial: str | dict[str, Any]
    environment: str | dict[str, Any] | None = None
    resources: dict[str, Any] | None = None


class IfElseNode(BaseModel):
    """One block or the other, by a value that another step gives."""

    model_config = _STRICT

    type: Literal["if_else"]
    condition: str | bool
    true_block: str | list[str] | None = None
    false_block: str | list[str] | None = None


class LoopLimits(BaseModel):
    """How often a body may run: the service allows no more than 1000."""

    model_config = _STRICT

    max_iteration_count: int = Field(ge=1, le=1000)


class DoWhileNode(BaseModel):
    """A body that runs again, with its outputs as inputs, as long as a value of it says so."""

    model_config = _STRICT

    type: Literal["do_while"]
    body: str
    condition: str
    mapping: dict[str, Any] = {}
    limits: LoopLimits


Node = CommandNode | PipelineNode | ParallelNode | SweepNode | IfElseNode | DoWhileNode
_KINDS: Final[dict[str, type[Node]]] = {
    "command": CommandNode,
    "pipeline": PipelineNode,
    "parallel": ParallelNode,
    "sweep": SweepNode,
    "if_else": IfElseNode,
    "do_while": DoWhileNode,
}


def load_pipeline(file: YamlFile) -> PipelineJob:
    """Raises SpecError with `path:line`."""
    job = parse(PipelineJob, file, what="a pipeline job")
    if (job.jobs is None) == (job.component is None):
        raise file.error(("jobs",), "a pipeline job has either `jobs` or `component`")
    for hook in ("on_init", "on_finalize"):
        if getattr(job.settings, hook):
            raise file.error(
                ("settings", hook),
                f"`{hook}` is a private preview of Azure's and cannot run here",
                hint="make it the first or the last step",
            )
    return job


def node_of(file: YamlFile, component_kind: str | None = None) -> Node:
    """One node; `component_kind` is what its component is, for nodes that do not say their type."""
    if not isinstance(file.data, dict):
        raise file.error((), "a step must be a mapping of keys to values")
    kind = str(file.data.get("type") or component_kind or "command")
    refuse_unsupported(kind, file, ("type",), what="step")
    if kind not in _KINDS:
        raise file.error(
            ("type",), f"unknown type of step: {kind}", hint=nearest(kind, list(_KINDS))
        )
    return parse(_KINDS[kind], file, what="a step")
