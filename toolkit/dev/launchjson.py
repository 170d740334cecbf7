"""Entries of ours in a .vscode/*.json file, leaving everything else in it as the user wrote it.

These files are JSON with comments and trailing commas: parsed for positions, changed as text.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
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
# what VS Code takes for an empty file
_NOTHING_BUT_COMMENTS: Final = re.compile(r"(?:\s|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")


def merge_file(
    path: Path,
    entry: Entry,
    *,
    section: str,
    key: str,
    version: str,
    users: Collection[str] = (),
) -> bool:
    """Put `entry` into the list `section` of the file, in place of the one with the same `key`.

    Returns whether the file was changed. Raises SpecError if the file is not JSON with comments,
    or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            old = path.read_bytes().decode() if path.is_file() else ""
            new = merge(old, entry, section=section, key=key, version=version, users=users)
            if new != old:
                _replace(path.resolve(), new.encode())
    except (JSON5DecodeError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path}: not JSON with comments", details=str(error), hint="correct or remove the file"
        ) from error
    except OSError as error:
        raise SpecError(
            f"{path}: cannot be written", details=str(error), hint="make its folder yours to write"
        ) from error
    return new != old


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Several commands begin to debug at once, and each reads the file before it writes it."""
    if sys.platform == "win32":  # where a folder cannot be locked
        yield
        return
    import fcntl  # noqa: PLC0415  # not on Windows

    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _replace(path: Path, content: bytes) -> None:
    scratch = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        scratch.write_bytes(content)
        if path.is_file():
            shutil.copymode(path, scratch)
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def merge(
    text: str, entry: Entry, *, section: str, key: str, version: str, users: Collection[str] = ()
) -> str:
    """The text with `entry` in its list.

    Keys the user added to an entry of ours are kept, and of `users` the values, too.
    """
    if "\r\n" in text:
        new = merge(
            text.replace("\r\n", "\n"),
            entry,
            section=section,
            key=key,
            version=version,
            users=users,
        )
        return new.replace("\n", "\r\n")
    if _NOTHING_BUT_COMMENTS.fullmatch(text):
        before = text.rstrip() + "\n" if text.strip() else ""
        return before + json.dumps({"version": version, section: [entry]}, indent=4) + "\n"
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
            chosen = {name: existing[name] for name in users if name in existing}
            merged = {**existing, **entry, **chosen}
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
