"""What may flow into which input: types along edges, and the limits of literals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from toolkit.plans.pipeline.graph import Literals, Place
from toolkit.specs.component import DATA_TYPES, FILES, FOLDERS, ComponentInput
from toolkit.specs.yamlfile import UNKNOWN_KEY, first_problem, in_our_words, nearest

Model = TypeVar("Model", bound=BaseModel)


def flows_into(source: str, wanted: str) -> bool:
    """Whether an output of one type may be an input of another."""
    if source == wanted:
        return True
    if source in DATA_TYPES and wanted in DATA_TYPES:
        return bool(({source} <= FOLDERS and {wanted} <= FOLDERS) or {source, wanted} <= FILES)
    if wanted == "string":
        return source not in DATA_TYPES
    return (source, wanted) == ("integer", "number")


def checked(model: type[Model], value: Mapping[str, Any], place: Place) -> Model:
    """What is said of an input or output; raises SpecError for keys and values it cannot have."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = first_problem(error)
        key = str(first["loc"][0])
        if first["type"] == UNKNOWN_KEY:
            hint = nearest(key, [*model.model_fields])
            raise place.error(f"unknown key `{key}`", hint=hint) from error
        raise place.error(f"`{key}`: {in_our_words(first)}") from error


def literal(value: Literals, declared: ComponentInput, name: str, place: Place) -> Literals:
    """The value as its declared type; raises SpecError for one outside its limits."""
    try:
        return declared.accept(value)
    except ValueError as error:
        raise place.error(f"input `{name}` of type `{declared.type}`: {error}") from error
