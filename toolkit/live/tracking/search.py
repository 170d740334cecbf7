"""MLflow's filter and order strings: parsed into values, and applied to anything with a look-up.

The grammar is the documented one (mlflow.org, "Search Runs"): comparisons joined by AND.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from toolkit.live.tracking.failures import invalid

LookUp = Callable[[str, str], Any]
"""From an entity (`metric`, `param`, `tag`, `attribute`, …) and a key to a value, or None."""

T = TypeVar("T")

_ENTITIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
    | (?P<quoted>`[^`]*`)
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<sign>!=|<=|>=|=|<|>|\(|\)|,|\.)
    | (?P<word>[^\s'"`=<>!(),.]+)
    )""",
    re.VERBOSE,
)
_PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
_ORDERED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word


@dataclass(frozen=True)
class Comparison:
    """`entity.key operator value`; the value of IN is a tuple, of IS NULL nothing."""

    entity: str
    key: str
    operator: str
    value: Any = None

    def holds(self, look_up: LookUp) -> bool:
        found = look_up(self.entity, self.key)
        match self.operator:
            case "IS NULL":
                return found is None
            case "IS NOT NULL":
                return found is not None
        if found is None:
            # its client leaves prompts out of the lists of models by asking for this
            return (self.operator, self.key) == ("!=", _PROMPT_TAG)
        return self._compares(found)

    def _compares(self, found: Any) -> bool:
        left, right = _alike(found, self.value)
        match self.operator:
            case "=":
                return bool(left == right)
            case "!=":
                return bool(left != right)
            case "IN":
                return str(found) in self.value
            case "NOT IN":
                return str(found) not in self.value
            case "LIKE" | "ILIKE":
                flags = re.IGNORECASE if self.operator == "ILIKE" else 0
                return bool(re.fullmatch(_pattern(str(right)), str(left), flags | re.DOTALL))
        return _ORDERED[self.operator](left, right)


@dataclass(frozen=True)
class Order:
    """One key to sort by."""

    entity: str
    key: str
    descending: bool


def parse_filter(text: str) -> list[Comparison]:
    """The comparisons that all must hold; Refused for what is not the grammar."""
    reader = _Reader(text)
    found: list[Comparison] = []
    while not reader.at_end:
        if found:
            reader.take_word("AND")
        found.append(reader.comparison())
    return found


def parse_order(texts: Sequence[str]) -> list[Order]:
    """`metrics.loss DESC`, `attributes.start_time` and the like."""
    return [_Reader(text).order() for text in texts]


def matches(comparisons: Sequence[Comparison], look_up: LookUp) -> bool:
    return all(comparison.holds(look_up) for comparison in comparisons)


def in_order(
    items: Sequence[T], orders: Sequence[Order], look_up: Callable[[T], LookUp]
) -> list[T]:
    """Sorted by the first order, then the next; what has no value, or NaN, comes last."""
    found = list(items)
    for order in reversed(orders):
        keyed = [(look_up(item)(order.entity, order.key), item) for item in found]
        there = [pair for pair in keyed if not _is_void(pair[0])]
        void = [item for value, item in keyed if _is_void(value)]
        there.sort(key=functools.cmp_to_key(_compare_first), reverse=order.descending)
        found = [item for _, item in there] + void
    return found


def page(items: Sequence[T], *, token: str | None, size: int) -> tuple[list[T], str | None]:
    """One page, and the token that asks for the next."""
    try:
        start = int(token or 0)
    except ValueError as error:
        raise invalid(f"not a page token: {token}") from error
    if start < 0 or size < 1:
        raise invalid("pages are counted from 0 and hold at least one")
    end = start + size
    return list(items[start:end]), (str(end) if end < len(items) else None)


class _Reader:
    """Takes tokens from the left."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def comparison(self) -> Comparison:
        entity, key = self._identifier()
        operator = self._operator()
        match operator:
            case "IS NULL" | "IS NOT NULL":
                return Comparison(entity, key, operator)
            case "IN" | "NOT IN":
                return Comparison(entity, key, operator, self._list())
        return Comparison(entity, key, operator, self._value())

    def order(self) -> Order:
        entity, key = self._identifier()
        direction = "ASC" if self.at_end else self._take().text.upper()
        if direction not in {"ASC", "DESC"} or not self.at_end:
            raise self._wrong("a key may be followed by ASC or DESC")
        return Order(entity, key, direction == "DESC")

    def take_word(self, word: str) -> None:
        if not self._take().is_word(word):
            raise self._wrong(f"expected {word}; OR is not supported")

    def _take(self) -> Token:
        if self.at_end:
            raise self._wrong("it ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _peek(self, text: str) -> bool:
        return not self.at_end and self._tokens[self._next] == Token("sign", text)

    def _identifier(self) -> tuple[str, str]:
        first = self._name()
        if not self._peek("."):
            return "attribute", first
        entity = _ENTITIES.get(first.lower())
        if entity is None:
            raise self._wrong(f"unknown entity `{first}`")
        parts = []
        while self._peek("."):
            self._take()
            parts.append(self._name())
        return entity, ".".join(parts)

    def _name(self) -> str:
        token = self._take()
        if token.kind not in {"word", "quoted", "text", "number"}:
            raise self._wrong(f"expected a name, not `{token.text}`")
        return token.text

    def _operator(self) -> str:
        token = self._take()
        word = token.text.upper()
        if word == "NOT":
            self.take_word("IN")
            return "NOT IN"
        if word == "IS":
            negated = not self.at_end and self._tokens[self._next].is_word("NOT")
            if negated:
                self._take()
            self.take_word("NULL")
            return "IS NOT NULL" if negated else "IS NULL"
        if word in {"=", "!=", *_ORDERED, "LIKE", "ILIKE", "IN"}:
            return word
        raise self._wrong(f"unknown comparison `{token.text}`")

    def _value(self) -> Any:
        token = self._take()
        if token.kind == "number":
            return float(token.text)
        if token.kind == "text":
            return token.text
        raise self._wrong(f"a value is a number or in quotes: `{token.text}`")

    def _list(self) -> tuple[str, ...]:
        values = []
        if self._take() != Token("sign", "("):
            raise self._wrong("IN takes a list in parentheses")
        while True:
            values.append(str(self._value()))
            closing = self._take()
            if closing == Token("sign", ")"):
                return tuple(values)
            if closing != Token("sign", ","):
                raise self._wrong("a list is separated by commas")

    def _wrong(self, why: str) -> Exception:
        return invalid(f"invalid filter or order `{self._text}`: {why}")


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise invalid(f"invalid filter or order `{text}`: at `{stripped[position:].strip()}`")
        found.append(Token(match.lastgroup, _unquoted(match[match.lastgroup], match.lastgroup)))
        position = match.end()
    return found


def _unquoted(text: str, kind: str) -> str:
    if kind == "quoted":
        return text[1:-1]
    if kind == "text":
        return re.sub(r"\\(.)", r"\1", text[1:-1].replace("''", "'"))
    return text


def _pattern(like: str) -> str:
    return re.escape(like).replace("%", ".*").replace("_", ".")


def _alike(found: Any, asked: Any) -> tuple[Any, Any]:
    """Both as numbers if one is: a parameter is text, however it was written."""
    if isinstance(found, int | float) and not isinstance(asked, tuple):
        try:
            return float(found), float(asked)
        except ValueError as error:
            raise invalid(f"not a number: {asked}") from error
    if isinstance(asked, float):
        raise invalid(f"compare text with text in quotes, not with {asked:g}")
    return found, asked


def _is_void(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _compare_first(left: tuple[Any, Any], right: tuple[Any, Any]) -> int:
    if left[0] == right[0]:
        return 0
    return -1 if left[0] < right[0] else 1
