"""YAML with line numbers, and pydantic errors that point at the line. The only YAML import."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from toolkit.errors import SpecError

Location = Sequence[str | int]
Model = TypeVar("Model", bound=BaseModel)


UNKNOWN_KEY: Final = "extra_forbidden"  # pydantic's word for it
_LONG: Final = 8_000  # characters: a pipeline of some fifty steps
_COMPLETING: Final = threading.Lock()  # pydantic before 2.12 trips over two threads doing it


@dataclass(frozen=True)
class YamlFile:
    """A parsed file that remembers where everything stood."""

    path: Path
    data: Any
    first_line: int = 1  # where `data` begins, if it is a part of the file

    def section(self, *location: str | int) -> YamlFile:
        """The part of the file at `location`, which says the same lines in its errors."""
        node = self.data
        for step in location:
            node = node[step]
        return YamlFile(self.path, node, self.line(location) or self.first_line)

    def line(self, location: Location) -> int | None:
        """1-based line of the deepest part of `location` that the file has."""
        node, line = self.data, self.first_line if self.data is not None else None
        for step in location:
            try:
                if isinstance(node, CommentedMap):
                    line = node.lc.key(step)[0] + 1
                elif isinstance(node, CommentedSeq):
                    line = node.lc.item(step)[0] + 1
                else:
                    return line
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return line
        return line

    def text_line(self, number: int) -> str:
        """One line of the file as it was written, counted from 1; empty if there is none."""
        lines = self.path.read_text("utf-8").splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def error(
        self, location: Location, problem: str, *, hint: str = "", details: str = ""
    ) -> SpecError:
        """A SpecError that begins with `path:line`."""
        return at_line(self.path, self.line(location), problem, hint=hint, details=details)


def at_line(
    path: Path, line: int | None, problem: str, *, hint: str = "", details: str = ""
) -> SpecError:
    """A SpecError whose message begins with `path:line` (or `path`, where no line is known)."""
    place = f"{path}:{line}" if line else f"{path}"
    return SpecError(f"{place}: {problem}", hint=hint, details=details)


def read_text(path: Path, *, what: str) -> str:
    """A text file that the user named; `what` names it in errors."""
    try:
        return path.read_text("utf-8-sig")  # editors of Windows put a mark first
    except FileNotFoundError as error:
        raise SpecError(f"{what} not found: {path}", hint=nearest_file(path)) from error
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise SpecError(f"{what} cannot be read: {path}", details=str(error), hint=hint) from error
    except OSError as error:
        raise SpecError(f"{what} cannot be read: {path}", details=str(error)) from error


def load_yaml(path: Path, *, what: str) -> YamlFile:
    """Read one YAML (or JSON) file; `what` names it in errors, e.g. `environment file`."""
    text = read_text(path, what=what)
    try:
        data = _parsed(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise at_line(
            path, mark.line + 1 if mark else None, f"not YAML: {error.problem or error.context}"
        ) from error
    except YAMLError as error:
        raise SpecError(f"{path}: not YAML", details=str(error)) from error
    return YamlFile(path, data)


def _parsed(text: str) -> Any:
    if len(text) < _LONG:
        return YAML(typ="rt").load(text)
    from toolkit.specs.yamlfast import load_long  # noqa: PLC0415  # short files do without libyaml

    return load_long(text)


def parse(model: type[Model], file: YamlFile, *, what: str) -> Model:
    """Validate a file against its model; the first problem becomes the error."""
    if not isinstance(file.data, CommentedMap):
        raise file.error((), f"{what} must be a mapping of keys to values")
    with _COMPLETING:  # models are put together when first used: most commands need few
        model.model_rebuild()
    try:
        return model.model_validate(plain(file.data))
    except ValidationError as error:
        first = first_problem(error)
        location = first["loc"]
        if first["type"] == UNKNOWN_KEY:
            key = str(location[-1])
            raise file.error(
                location, f"unknown key `{key}`", hint=nearest(key, _fields(model, location[:-1]))
            ) from error
        where = ".".join(str(step) for step in location)
        raise file.error(location, f"`{where}`: {in_our_words(first)}") from error


def first_problem(error: ValidationError) -> ErrorDetails:
    """The one to tell: a misspelt key also shows up as a missing one."""
    problems = error.errors()
    return next((found for found in problems if found["type"] == UNKNOWN_KEY), problems[0])


def in_our_words(problem: ErrorDetails) -> str:
    """What is wrong with a value, as the end of a sentence."""
    said = problem["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def any_case(value: object) -> object:
    """For validators: `az ml` takes the words it knows in any case, as `Disabled`."""
    return value.lower() if isinstance(value, str) else value


def plain(node: Any) -> Any:
    """The same data as ordinary dicts and lists, without ruamel's round-trip types."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return node


def nearest(word: str, valid: Sequence[str]) -> str:
    """A hint naming the closest valid word, or all of them."""
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return "valid: " + ", ".join(f"`{name}`" for name in valid)


def _fields(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that are valid at that place of a model: of the section's own model, if it has one.

    Between keys a location has the names of a mapping and which kind of several it was.
    """
    models = [model]
    for step in location:
        within = [
            inner
            for each in models
            for name, field in each.model_fields.items()
            if step == (field.alias or name)
            for inner in _models(field.annotation)
        ]
        models = within or [each for each in models if step in _kinds(each)] or models
    names = (field.alias or name for each in models for name, field in each.model_fields.items())
    return list(dict.fromkeys(names))


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Those in an annotation: `M`, `M | None`, `dict[str, M]`, `A | B`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in get_args(annotation) for found in _models(each)]


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """What a model is called where it is one of several: its own name, or what `type` may be."""
    kind = model.model_fields.get("type")
    return (model.__name__, *(get_args(kind.annotation) if kind else ()))


def nearest_file(path: Path) -> str:
    """What to do about a path where nothing is: the file beside it that was probably meant."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean `{path.parent / close[0]}`?" if close else "check the path"
