"""JSON values as YAML text, for files that people read; nothing here reads YAML."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator, Mapping

_PLAIN = re.compile(r"[A-Za-z_./][\w ./+-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "none", "y", "n", "~"}


def to_yaml(value: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Keys in their order; `comments` stand above the keys of the first level."""
    lines = []
    for key, each in value.items():
        if key in comments:
            lines.append("# " + comments[key])
        lines += _entry(key, each, "")
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield f"{indent}{_scalar(key)}:"
        for inner, each in value.items():
            yield from _entry(inner, each, indent + "  ")
    elif isinstance(value, list) and value:
        yield f"{indent}{_scalar(key)}:"
        for each in value:
            yield f"{indent}- {_flow(each)}"
    else:
        yield f"{indent}{_scalar(key)}: {_flow(value)}"


def _flow(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (dict, list)) else _scalar(value)


def _scalar(value: Any) -> str:
    """JSON is YAML, too; only plain words do without quotes."""
    if value is None:
        return "null"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value[-1] != " "
        return value if plain else json.dumps(value)
    return json.dumps(value)
