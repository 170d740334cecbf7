"""What a job or component takes and gives: `inputs` and `outputs` of v2 YAML, checked.

Keys as in the CLI (v2) command job and component YAML schemas. Nothing is looked up here: where a
path lies is for `live/inputs.py` to find out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, field_validator

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import YamlFile, any_case, nearest, parse

AssetType = Literal[
    "uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"
]
LiteralType = Literal["string", "integer", "number", "boolean"]
InputType = AssetType | LiteralType
InputMode = Literal[
    "ro_mount", "rw_mount", "download", "direct", "eval_mount", "eval_download", "mount"
]
OutputMode = Literal["rw_mount", "mount", "upload", "direct"]
Value = bool | int | float | str

ASSET_TYPES: Final[frozenset[str]] = frozenset(get_args(AssetType))
FILE_TYPES: Final[frozenset[str]] = frozenset({"uri_file"})
LITERAL_TYPES: Final[frozenset[str]] = frozenset(get_args(LiteralType))
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRUE: Final = {"true", "True", "yes", "1"}
_FALSE: Final = {"false", "False", "no", "0"}


class Input(BaseModel):
    """One input: a literal (`value` or `default`), something with a `path`, or a declaration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: InputType | None = None
    path: str | None = None
    mode: InputMode | None = None
    value: Value | None = None
    default: Value | None = None
    optional: bool = False
    min: float | None = None
    max: float | None = None
    enum: tuple[Value, ...] | None = None
    title: str | None = None
    description: str | None = None
    datastore: str | None = None  # where the service uploads a path to: here nothing is uploaded
    is_control: bool | None = None

    _any_case = field_validator("type", "mode", mode="before")(any_case)

    @property
    def is_literal(self) -> bool:
        """Whether it is a number, text or truth value, not a file, folder or model."""
        return self.kind in LITERAL_TYPES

    @property
    def kind(self) -> str:
        """Its type, or what it must be where none is written."""
        if self.type:
            return self.type
        given = self.value if self.value is not None else self.default
        return "uri_folder" if given is None else type_of(given)

    @property
    def given(self) -> Value | None:
        """What was written as its literal value."""
        return self.value if self.value is not None else self.default

    def accept(self, value: Value) -> Value:
        """The value as this input has it; text is read as its type.

        Raises ValueError saying what is wrong with it.
        """
        accepted = _as_type(value, self.kind)
        if self.enum is not None and accepted not in [_as_type(v, self.kind) for v in self.enum]:
            raise ValueError(f"none of {', '.join(map(str, self.enum))}: {value}")
        if isinstance(accepted, (int, float)) and not isinstance(accepted, bool):
            if self.min is not None and accepted < self.min:
                raise ValueError(f"less than {self.min:g}: {value}")
            if self.max is not None and accepted > self.max:
                raise ValueError(f"more than {self.max:g}: {value}")
        return accepted


class Output(BaseModel):
    """One output: a folder (or file) that the job writes; with a `name` it is registered."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    type: AssetType = "uri_folder"
    path: str | None = None
    mode: OutputMode | None = None
    name: str | None = None
    version: str | None = None
    title: str | None = None
    description: str | None = None
    early_available: bool | None = None
    is_control: bool | None = None

    _any_case = field_validator("type", "mode", mode="before")(any_case)

    @property
    def is_file(self) -> bool:
        return self.type in FILE_TYPES


def read_inputs(file: YamlFile, *location: str) -> dict[str, Input]:
    """The `inputs` at that place of a file, literals included; empty if there are none.

    Raises SpecError with `path:line` for a name, key or value that is none.
    """
    found: dict[str, Input] = {}
    for name, written in _mapping(file, location).items():
        where = (*location, name)
        _check_name(file, where, name)
        if isinstance(written, Mapping):
            found[name] = parse(Input, file.section(*where), what=f"input `{name}`")
        elif isinstance(written, (bool, int, float, str)):
            value = _ordinary(written)
            found[name] = Input(type=type_of(value), value=value)
        elif written is None:
            raise file.error(where, f"input `{name}` has no value")
        else:
            raise file.error(where, f"input `{name}` must be a value or a mapping of keys")
        _check_input(file, where, name, found[name])
    return found


def read_outputs(file: YamlFile, *location: str) -> dict[str, Output]:
    """The `outputs` at that place of a file; empty if there are none.

    An output without keys (`model:`) is a folder. Raises SpecError with `path:line`.
    """
    found: dict[str, Output] = {}
    for name, written in _mapping(file, location).items():
        where = (*location, name)
        _check_name(file, where, name)
        if isinstance(written, Mapping):
            found[name] = parse(Output, file.section(*where), what=f"output `{name}`")
        elif written is None:
            found[name] = Output()
        elif isinstance(written, str) and written in ASSET_TYPES:
            found[name] = Output(type=written)
        else:
            raise file.error(where, f"output `{name}` must be a mapping of keys")
    return found


def with_values(inputs: Mapping[str, Input], given: Mapping[str, str]) -> dict[str, Input]:
    """The inputs with values from the command line: text for literals, paths for the others.

    Raises SpecError for a name that is no input and a value that does not fit.
    """
    result = dict(inputs)
    for name, text in given.items():
        if name not in inputs:
            raise SpecError(f"no input of this name: `{name}`", hint=nearest(name, list(inputs)))
        declared = inputs[name]
        if not declared.is_literal:
            result[name] = declared.model_copy(update={"path": text})
            continue
        try:
            result[name] = declared.model_copy(update={"value": declared.accept(text)})
        except ValueError as error:
            raise SpecError(f"`inputs.{name}`: {error}") from error
    return result


def type_of(value: Value) -> LiteralType:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return "string"


def text_of(value: Value) -> str:
    """A literal as it stands in a command: `True` and `0.1`, as the service writes them."""
    return str(value)


def _ordinary(value: Value) -> Value:
    """The value without the YAML reader's own kinds of number."""
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _as_type(value: Value, kind: str) -> Value:
    match kind:
        case "string":
            return value if isinstance(value, str) else text_of(value)
        case "boolean":
            return _boolean(value)
        case "integer":
            return _integer(value)
        case "number":
            return _number(value)
        case _:
            if not isinstance(value, str):
                raise ValueError(f"not the path of a {kind}: {value}")  # noqa: TRY004  # as all here
            return value


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError(f"not a boolean: {value}")


def _integer(value: Value) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"not an integer: {value}")
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(f"not an integer: {value}") from error


def _number(value: Value) -> float:
    if isinstance(value, bool):
        raise ValueError(f"not a number: {value}")  # noqa: TRY004  # as all here
    try:
        return value if isinstance(value, int) else float(value)
    except ValueError as error:
        raise ValueError(f"not a number: {value}") from error


def _mapping(file: YamlFile, location: tuple[str, ...]) -> Mapping[str, Any]:
    node = file.data
    for step in location:
        node = node.get(step) if isinstance(node, Mapping) else None
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        raise file.error(location, f"`{'.'.join(location)}` must be a mapping of names")
    return node


def _check_name(file: YamlFile, where: tuple[str, ...], name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise file.error(
            where,
            f"not a name for an input or output: `{name}`",
            hint="letters, digits and `_`, beginning with a letter",
        )


def _check_input(file: YamlFile, where: tuple[str, ...], name: str, declared: Input) -> None:
    if declared.is_literal and declared.path is not None:
        raise file.error(
            (*where, "path"), f"input `{name}` is of type {declared.kind}, which has no path"
        )
    for key in ("value", "default"):
        value = getattr(declared, key)
        if value is None:
            continue
        try:
            declared.accept(value)
        except ValueError as error:
            place = (*where, key) if isinstance(file.section(*where).data, Mapping) else where
            raise file.error(place, f"`inputs.{name}`: {error}") from error
