"""Bindings between a pipeline and its steps: `${{parent.jobs.x.outputs.y}}` and its older forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from toolkit.plans.pipeline.graph import Place

_ANY: Final = re.compile(r"\$\{\{(.*?)\}\}")
_REFERENCE: Final = re.compile(
    r"(?:parent\.)?(?:(?P<port>inputs|outputs)\.(?P<name>\w[\w-]*)"
    r"|jobs\.(?P<job>\w[\w-]*)(?:\.outputs\.(?P<output>\w[\w-]*))?)"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """What one binding names: an input or output of the pipeline, a step, or a step's output."""

    kind: Literal["input", "output", "job"]
    name: str
    output: str | None = None


def references(text: str, place: Place) -> list[Reference]:
    """All bindings in a text; raises SpecError for one that cannot be read."""
    if "${{" not in text:
        return []
    return [_reference(inside, place) for inside in _ANY.findall(text)]


def whole(text: str, place: Place) -> Reference | None:
    """The binding that the text consists of, if it consists of one."""
    match = _ANY.fullmatch(text.strip())
    return _reference(match[1], place) if match and "}}" not in match[1] else None


def replaced(text: str, values: dict[str, str]) -> str:
    """The text with its bindings to inputs written out, by name."""

    def value(match: re.Match[str]) -> str:
        return values[match[1].strip().rpartition(".")[2]]

    return _ANY.sub(value, text)


def _reference(inside: str, place: Place) -> Reference:
    match = _REFERENCE.fullmatch(inside.strip())
    if not match:
        raise place.error(
            f"not a binding of a pipeline: `${{{{{inside}}}}}`",
            hint="write `${{parent.inputs.NAME}}`, `${{parent.outputs.NAME}}` "
            "or `${{parent.jobs.STEP.outputs.NAME}}`",
        )
    if match["job"]:
        return Reference("job", match["job"], match["output"])
    return Reference("input" if match["port"] == "inputs" else "output", match["name"])
