"""What may flow into which input: types along edges, and the limits of literals."""

from __future__ import annotations

from toolkit.plans.pipeline.graph import Literals, Place
from toolkit.specs.component import DATA_TYPES, FILES, FOLDERS, ComponentInput


def flows_into(source: str, wanted: str) -> bool:
    """Whether an output of one type may be an input of another."""
    if source == wanted:
        return True
    if source in DATA_TYPES and wanted in DATA_TYPES:
        return bool(({source} <= FOLDERS and {wanted} <= FOLDERS) or {source, wanted} <= FILES)
    if wanted == "string":
        return source not in DATA_TYPES
    return (source, wanted) == ("integer", "number")


def literal(value: Literals, declared: ComponentInput, name: str, place: Place) -> Literals:
    """The value as its declared type; raises SpecError for one outside its limits."""
    try:
        return declared.accept(value)
    except ValueError as error:
        raise place.error(f"input `{name}` of type `{declared.type}`: {error}") from error
