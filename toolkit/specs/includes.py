"""What a step's snapshot holds beside its `code`: `additional_includes`. Reads files, copies none.

In the component itself, or in a file `NAME.additional_includes` beside `NAME.yml`, as azure-ai-ml
reads them: paths relative to the component's folder, each under its own name in the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import YamlFile, at_line, load_yaml, nearest_file, plain, read_text

KEY: Final = "additional_includes"
SUFFIX: Final = ".additional_includes"
_PACKED: Final = ".zip"


@dataclass(frozen=True)
class _Written:
    """One entry and the line it stands in."""

    value: Any
    path: Path
    line: int | None

    def error(self, problem: str, *, hint: str = "") -> SpecError:
        return at_line(self.path, self.line, problem, hint=hint)


def read_includes(file: YamlFile, code: Path | None, *, is_whole: bool) -> dict[str, Path]:
    """Files and folders by their names in the snapshot; raises SpecError naming what is in the way.

    `is_whole` says that `file` is all of a component's file, so that one beside it may count.
    """
    found: dict[str, Path] = {}
    for written in entries(file, is_whole=is_whole):
        name, path = _located(written)
        if found.setdefault(name, path) != path:
            raise written.error(
                f"two of `{KEY}` would be `{name}` in the code: {found[name]} and {path}",
                hint="rename one, or include the folder around it",
            )
        there = code / name if code else None
        if there is None or not (there.exists() or there.is_symlink()):
            continue
        if not there.is_symlink() or there.resolve() != path:
            raise written.error(
                f"`{name}` of `{KEY}` is in the code folder already: {there}",
                hint="rename one of them, or leave it out",
            )
        del found[name]  # the link in the code folder brings it
    return found


def entries(file: YamlFile, *, is_whole: bool) -> Iterator[_Written]:
    """As written; raises SpecError where the key and the file beside say something."""
    listed = file.data.get(KEY)
    beside = file.path.with_suffix(SUFFIX)
    if is_whole and beside.is_file():
        if listed is not None:
            raise file.error((KEY,), f"`{KEY}` is said twice, here and in {beside}")
        yield from _of_file(beside)
        return
    for number, value in enumerate(listed or []):
        yield _Written(value, file.path, file.line((KEY, number)))


def absolute_includes(file: YamlFile) -> list[Any]:
    """The entries of a component's file, for a copy of it that stands somewhere else."""
    return [
        str((each.path.parent / each.value).resolve())
        if isinstance(each.value, str)
        else plain(each.value)
        for each in entries(file, is_whole=True)
    ]


def is_packed(name: str, source: Path) -> bool:
    """Whether a folder is to lie there as a zip file, because `NAME.zip` was asked for."""
    return name != source.name


def _of_file(beside: Path) -> Iterator[_Written]:
    """A path in each line, or YAML with the key."""
    lines = read_text(beside, what=f"`{KEY}` file").splitlines()
    if any(line.startswith(f"{KEY}:") for line in lines):
        file = load_yaml(beside, what=f"`{KEY}` file")
        listed = file.data[KEY] or []
        if not isinstance(listed, list):
            raise file.error((KEY,), f"`{KEY}` takes a list of paths, not: {listed}")
        for number, value in enumerate(listed):
            yield _Written(value, beside, file.line((KEY, number)))
        return
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            yield _Written(text, beside, number)


def _located(written: _Written) -> tuple[str, Path]:
    value = written.value
    if isinstance(value, Mapping):
        name = value.get("name") or value.get("type")
        raise written.error(
            f"an artifact of Azure DevOps cannot be fetched here: {name}",
            hint="download it and name its folder",
        )
    if not isinstance(value, str):
        raise written.error(f"`{KEY}` takes paths, not: {value}")
    path = (written.path.parent / value).resolve()
    if path == path.parent:
        raise written.error(f"`{KEY}` cannot be the root folder: {value}")
    if path.exists():
        return path.name, path
    if path.suffix == _PACKED and path.with_suffix("").is_dir():
        return path.name, path.with_suffix("")
    raise written.error(f"`{KEY}` names what is not there: {path}", hint=nearest_file(path))
