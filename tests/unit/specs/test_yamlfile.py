from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import YamlFile, at_line, load_yaml, nearest, parse, plain

TEXT = """\
# a comment
name: one
inputs:
  data:
    path: ./x
steps:
  - first

  - name: second
    args: [a, b]
"""


@pytest.fixture
def file(tmp_path: Path) -> YamlFile:
    path = tmp_path / "job.yml"
    path.write_text(TEXT)
    return load_yaml(path, what="job file")


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 1),
        (("name",), 2),
        (("inputs",), 3),
        (("inputs", "data"), 4),
        (("inputs", "data", "path"), 5),
        (("steps", 0), 7),
        (("steps", 1, "name"), 9),
        (("steps", 1, "args"), 10),
        (("steps", 1, "args", 1), 10),
    ],
)
def test_everything_has_its_line(
    file: YamlFile, location: tuple[str | int, ...], line: int
) -> None:
    assert file.line(location) == line


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("inputs", "missing"), 3),
        (("inputs", "data", "path", "deeper"), 5),
        (("steps", 7), 6),
        (("steps", "first"), 6),
    ],
)
def test_what_is_not_there_has_the_line_of_what_is(
    file: YamlFile, location: tuple[str | int, ...], line: int
) -> None:
    assert file.line(location) == line


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "empty.yml"
    path.write_text("")
    assert load_yaml(path, what="job file").line(()) is None


def test_plain_data_has_no_trace_of_the_parser(file: YamlFile) -> None:
    data = plain(file.data)
    assert data["steps"][1] == {"name": "second", "args": ["a", "b"]}
    assert type(data) is dict
    assert type(data["steps"]) is list


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int = 1
    kind: str = Field(default="x", alias="type")

    @field_validator("name")
    @classmethod
    def no_spaces(cls, name: str) -> str:
        if " " in name:
            raise ValueError("Spaces are not allowed")
        return name


class Job(BaseModel):
    model_config = ConfigDict(extra="forbid")
    step: Step


def parsed(tmp_path: Path, text: str) -> Job:
    path = tmp_path / "job.yml"
    path.write_text(text)
    return parse(Job, load_yaml(path, what="job file"), what="a job file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step:\n  name: a\n  size: much\n", "job.yml:3: `step.size`: input should be a valid int"),
        ("step:\n  size: 2\n", "job.yml:1: `step.name`: field required"),
        ("step:\n  name: a b\n", "job.yml:2: `step.name`: spaces are not allowed"),
        ("- step\n", "job.yml:1: a job file must be a mapping of keys to values"),
        ("only text\n", "job.yml:1: a job file must be a mapping of keys to values"),
        ("", "job.yml: a job file must be a mapping of keys to values"),
    ],
)
def test_the_first_problem_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parsed(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_an_unknown_key_comes_before_the_missing_one_it_causes(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        parsed(tmp_path, "step:\n  size: 1\n  nam: a\n")
    assert caught.value.message == f"{tmp_path}/job.yml:3: unknown key `nam`"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("dependancies", "did you mean `dependencies`?"),
        ("zzz", "valid: `dependencies`, `name`"),
    ],
)
def test_the_nearest_word_is_offered(word: str, hint: str) -> None:
    assert nearest(word, ["dependencies", "name"]) == hint


class Low(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["low"]
    floor: int = 0


class High(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["high"]
    ceiling: int = 0


class House(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ceilings: int = 0
    step: Step | None = None
    rooms: dict[str, Annotated[Low | High, Field(discriminator="type")]] = {}
    all: list[Low] = []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cielings: 1\n", "did you mean `ceilings`?"),
        ("step: {name: a, ceilings: 1}\n", "valid: `name`, `size`, `type`"),
        ("rooms:\n  a: {type: high, ceilings: 1}\n", "did you mean `ceiling`?"),
        ("rooms:\n  a: {type: low, ceilings: 1}\n", "valid: `type`, `floor`"),
        ("all:\n  - {type: low, flor: 1}\n", "did you mean `floor`?"),
    ],
)
def test_the_keys_of_a_section_are_offered_where_one_is_wrong(
    tmp_path: Path, text: str, hint: str
) -> None:
    (tmp_path / "house.yml").write_text(text)
    with pytest.raises(SpecError, match="unknown key") as caught:
        parse(House, load_yaml(tmp_path / "house.yml", what="house"), what="a house")
    assert caught.value.hint == hint


def test_a_place_without_a_line_is_the_path() -> None:
    assert at_line(Path("a.yml"), None, "wrong").message == "a.yml: wrong"
    assert at_line(Path("a.yml"), 3, "wrong", hint="h").message == "a.yml:3: wrong"


def test_json_is_yaml(tmp_path: Path) -> None:
    path = tmp_path / "env.json"
    path.write_text('{\n  "name": "x",\n  "a": 1\n}')
    file = load_yaml(path, what="environment file")
    assert plain(file.data) == {"name": "x", "a": 1}
    assert file.line(("a",)) == 3
