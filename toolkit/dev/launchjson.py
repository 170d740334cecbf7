"""Entries of ours in a .vscode/*.json file, leaving everything else in it as the user wrote it.

These files are JSON with comments and trailing commas: parsed for positions, changed as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from json5 import loads as load_value
from json5.loader import ModelLoader, loads
from json5.model import JSONArray, JSONObject
from json5.utils import JSON5DecodeError

from toolkit.errors import SpecError

Entry = Mapping[str, Any]
_INDENT: Final = "    "


def merge_file(path: Path, entry: Entry, *, section: str, key: str, version: str) -> bool:
    """Put `entry` into the list `section` of the file, in place of the one with the same `key`.

    Returns whether the file was changed. Raises SpecError if the file is not JSON with comments.
    """
    written = path.read_bytes() if path.is_file() else b""
    try:
        old = written.decode()
        new = merge(old, entry, section=section, key=key, version=version)
    except (JSON5DecodeError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path}: not JSON with comments", details=str(error), hint="correct or remove the file"
        ) from error
    if new == old:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    scratch.write_bytes(new.encode())
    scratch.replace(path)
    return True


def merge(text: str, entry: Entry, *, section: str, key: str, version: str) -> str:
    """The text with `entry` in its list; keys the user added to an entry of ours are kept."""
    if "\r\n" in text:
        new = merge(text.replace("\r\n", "\n"), entry, section=section, key=key, version=version)
        return new.replace("\n", "\r\n")
    if not text.strip():
        return json.dumps({"version": version, section: [entry]}, indent=4) + "\n"
    root = loads(text, loader=ModelLoader()).value
    if not isinstance(root, JSONObject):
        raise JSON5DecodeError("the outermost value must be an object", None)
    array = _member(root, section)
    if array is None:
        comma = "," if root.key_value_pairs else ""
        listed = f"[\n{_dump(entry, 2)}\n{_INDENT}]{comma}"
        return _insert(text, _start(text, root) + 1, f'\n{_INDENT}"{section}": {listed}')
    if not isinstance(array, JSONArray):
        raise JSON5DecodeError(f"`{section}` must be a list", None)
    for span in _spans(text, array):
        existing = load_value(text[span.start : span.end])
        if isinstance(existing, dict) and existing.get(key) == entry[key]:
            merged = {**existing, **entry}
            if merged == existing:
                return text
            return text[: span.start] + _dump(merged, 2).lstrip() + text[span.end :]
    comma = "," if array.values else f"\n{_INDENT}"
    return _insert(text, _start(text, array) + 1, f"\n{_dump(entry, 2)}{comma}")


@dataclass(frozen=True)
class _Span:
    start: int
    end: int


def _member(root: JSONObject, name: str) -> Any:
    for pair in root.key_value_pairs:
        if getattr(pair.key, "characters", getattr(pair.key, "name", None)) == name:
            return pair.value
    return None


def _spans(text: str, array: JSONArray) -> list[_Span]:
    values: list[Any] = array.values
    return [
        _Span(_start(text, value), _offset(text, value.end_lineno, value.end_col_offset))
        for value in values
    ]


def _start(text: str, node: Any) -> int:
    return _offset(text, node.lineno, node.col_offset)


def _offset(text: str, line: int, column: int) -> int:
    # only \n: str.splitlines knows more line ends than the parser counts
    return sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column


def _insert(text: str, position: int, addition: str) -> str:
    return text[:position] + addition + text[position:]


def _dump(entry: Entry, depth: int) -> str:
    lines = json.dumps(entry, indent=4, ensure_ascii=False).splitlines()
    return "\n".join(_INDENT * depth + line for line in lines)
