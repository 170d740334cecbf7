"""The binding language of v2 YAML: `${{inputs.x}}` and `$[[optional parts]]`, as values.

Parses text and fills in values; what a reference may name is the caller's to say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"\$\{\{|\$\[\[|\]\]")
_REFERENCE: Final = re.compile(r"\s*([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)\s*")


class ExpressionError(ValueError):
    """Text that is no expression, or a reference to nothing; `hint` says what was meant."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Reference:
    """`${{inputs.x}}` is ("inputs", "x")."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return "${{" + ".".join(self.path) + "}}"


@dataclass(frozen=True)
class Optional:
    """`$[[--x ${{inputs.x}}]]`: left away when an input in it has no value."""

    parts: tuple[Part, ...]


Part = str | Reference | Optional
Lookup = Callable[[Reference], str | None]


@dataclass(frozen=True)
class Expression:
    """Text with references in it."""

    parts: tuple[Part, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """All of them, in the order they stand; those in optional parts too."""
        return tuple(_references(self.parts))

    @property
    def whole(self) -> Reference | None:
        """The reference that the text consists of, if there is nothing beside it."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Reference):
            return self.parts[0]
        return None

    def resolve(self, lookup: Lookup) -> str:
        """The text with values in it; `lookup` gives None for an optional input without one.

        Raises ExpressionError for a reference without a value outside `$[[…]]`.
        """
        return "".join(_resolved(part, lookup) for part in self.parts)


def parse_expression(text: str) -> Expression:
    """Raises ExpressionError for what is opened and not closed, and for empty references."""
    parts, position = _parts(text, 0, nested=False)
    if position != len(text):
        raise AssertionError(text)  # outside `$[[` the parser reads to the end
    return Expression(parts)


def check_references(
    expression: Expression, known: Mapping[tuple[str, ...], Collection[str]]
) -> None:
    """See that each reference names something: `known` maps `("inputs",)` to the names there.

    Raises ExpressionError with the nearest names.
    """
    for reference in expression.references:
        *space, name = reference.path
        names = known.get(tuple(space))
        if names is None:
            spaces = (".".join(each) for each in known)
            raise ExpressionError(
                f"nothing of this kind can be referred to here: `{reference}`",
                hint=_meant(".".join(space), list(spaces), wrapped="${{%s.…}}"),
            )
        if name not in names:
            prefix = ".".join(space)
            raise ExpressionError(
                f"`{reference}` is not defined",
                hint=_meant(name, list(names), wrapped="${{" + prefix + ".%s}}"),
            )


def _parts(text: str, position: int, *, nested: bool) -> tuple[tuple[Part, ...], int]:
    parts: list[Part] = []
    start = position
    while found := _OPENING.search(text, position):
        mark, position = found[0], found.end()
        if mark == "]]" and not nested:
            continue  # shell's own `[[ … ]]`
        if found.start() > start:
            parts.append(text[start : found.start()])
        if mark == "]]":
            return tuple(parts), position
        part, position = _optional(text, position) if mark == "$[[" else _reference(text, position)
        parts.append(part)
        start = position
    if nested:
        raise ExpressionError("`$[[` without its `]]`")
    if start < len(text):
        parts.append(text[start:])
    return tuple(parts), len(text)


def _optional(text: str, position: int) -> tuple[Optional, int]:
    parts, end = _parts(text, position, nested=True)
    return Optional(parts), end


def _reference(text: str, position: int) -> tuple[Reference, int]:
    end = text.find("}}", position)
    if end < 0:
        raise ExpressionError("`${{` without its `}}`")
    found = _REFERENCE.fullmatch(text, position, end)
    if not found:
        raise ExpressionError(
            f"not a reference: `${{{{{text[position:end]}}}}}`",
            hint="write for example `${{inputs.data}}`",
        )
    return Reference(tuple(found[1].split("."))), end + 2


def _references(parts: tuple[Part, ...]) -> Iterator[Reference]:
    for part in parts:
        if isinstance(part, Reference):
            yield part
        elif isinstance(part, Optional):
            yield from _references(part.parts)


def _resolved(part: Part, lookup: Lookup) -> str:
    match part:
        case str():
            return part
        case Optional():
            if any(lookup(reference) is None for reference in _references(part.parts)):
                return ""
            return "".join(_resolved(inner, lookup) for inner in part.parts)
        case Reference():
            value = lookup(part)
            if value is None:
                raise ExpressionError(
                    f"`{part}` has no value",
                    hint="give it one, or write the part as `$[[…]]`, which is left away without",
                )
            return value


def _meant(word: str, valid: list[str], *, wrapped: str) -> str:
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{wrapped.replace('%s', close[0])}`?"
    if not valid:
        return "nothing is defined there"
    return "there is: " + ", ".join(f"`{wrapped.replace('%s', name)}`" for name in sorted(valid))
