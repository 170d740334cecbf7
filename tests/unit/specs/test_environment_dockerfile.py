from pathlib import Path, PurePosixPath

import pytest

from toolkit.errors import SpecError
from toolkit.specs.environment import Dockerfile
from toolkit.specs.environment.dockerfile import (
    final_image,
    instructions,
    is_dockerfile_name,
    stages,
)
from toolkit.specs.environment.dockerignore import load_ignore_rules, parse_ignore_rules


def dockerfile(text: str) -> Dockerfile:
    return Dockerfile(path=Path("Dockerfile"), text=text, context=Path("ctx"))


def final(text: str) -> str:
    return final_image(stages(dockerfile(text)))


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("FROM a\n", "a"),
        ("from a as b\n", "a"),
        ("FROM --platform=linux/amd64 a:1 AS b\n", "a:1"),
        ("# syntax=docker/dockerfile:1\n# a comment\n\nFROM a\n", "a"),
        ("FROM a AS one\nFROM b\n", "b"),
        ("FROM a AS one\nFROM b AS two\nFROM One\n", "a"),
        ("FROM a AS x\nFROM x AS y\nFROM y\n", "a"),
        ("FROM a AS a\n", "a"),
        ("ARG TAG=1\nFROM a:${TAG}\n", "a:1"),
        ("ARG IMAGE=a\nARG TAG\nFROM $IMAGE:${TAG:-2}\n", "a:2"),
        ('ARG IMAGE="a:1"\nFROM ${IMAGE}\n', "a:1"),
        ("FROM \\\n  a \\\n  # between\n  AS b\nRUN x\n", "a"),
        ("FROM a\nRUN <<EOF\nFROM not-this\nEOF\nRUN y\n", "a"),
        ("FROM a\nRUN python3 <<EOF && cat 3<<END\nFROM c\nEOF\nFROM d\nEND\nFROM b\n", "b"),
        ("FROM a\nRUN echo $((1<<N)) $(( a << b ))\nFROM b\n", "b"),
        ("FROM a\nRUN <<-'END' cat\nFROM not-this\n\tEND\nFROM b\n", "b"),
        ("FROM a\nRUN echo 'x' \\\n && FROM_IS_NO=1\n", "a"),
        ("FROM scratch\n", "scratch"),
    ],
)
def test_what_the_last_stage_stands_on(text: str, image: str) -> None:
    assert final(text) == image


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Dockerfile: no `FROM` in this Dockerfile"),
        ("# FROM a\n", "Dockerfile: no `FROM` in this Dockerfile"),
        ("\nRUN x\nFROM a\n", "Dockerfile:2: `RUN` before the first `FROM`"),
        ("ARG A\nFROM $A\n", "Dockerfile:2: `A` in `FROM` has no value"),
        ("FROM a\nFROM ${B}:1\n", "Dockerfile:2: `B` in `FROM` has no value"),
        ("FROM a b c\n", "Dockerfile:1: not a `FROM`: `a b c`"),
        ("FROM\n", "Dockerfile:1: not a `FROM`: ``"),
        ("FROM a\nCOPY ../x /x\n", "Dockerfile:2: `../x` leads out of the build context"),
        ("FROM a\nADD --chown=1 a ./../b /\n", "Dockerfile:2: `./../b` leads out of the build"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        stages(dockerfile(text))
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("line", ["COPY --from=b ../x /x", "COPY a../b /x", "COPY ..a /x"])
def test_a_path_that_only_looks_like_one_out_of_the_context(line: str) -> None:
    assert stages(dockerfile(f"FROM a\n{line}\n"))


def test_instructions_know_their_lines() -> None:
    found = list(instructions("FROM a\n\n# c\nRUN one \\\n  two\nCMD x\n"))
    assert [(i.keyword, i.rest, i.first, i.last) for i in found] == [
        ("FROM", "a", 0, 0),
        ("RUN", "one two", 3, 4),
        ("CMD", "x", 5, 5),
    ]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Dockerfile", True),
        ("Dockerfile.gpu", True),
        ("gpu.Dockerfile", True),
        ("BaseDockerfile", True),
        ("Dockerfiles", False),
        ("dockerfile.yml", False),
    ],
)
def test_names_of_dockerfiles(name: str, *, is_one: bool) -> None:
    assert is_dockerfile_name(name) is is_one


@pytest.mark.parametrize(
    ("rules", "path", "left_out"),
    [
        ("", "a", False),
        ("# a\n", "# a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("/a/", "a", True),
        ("./a", "a", True),
        ("**/a", "a", True),
        ("**/a", "b/c/a", True),
        ("*.log", "x.log", True),
        ("*.log", "b/x.log", False),
        ("**/*.log", "b/x.log", True),
        ("**/*.log", "x.log", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/b/c", False),
        ("x?y", "x1y", True),
        ("x?y", "x/y", False),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("[^ab].txt", "c.txt", True),
        ("a.b", "aXb", False),
        ("*\n!keep", "keep", False),
        ("*\n!keep", "other", True),
        ("*\n!keep/**", "keep/a", False),
        ("!a\na", "a", True),
        ("  spaced  ", "spaced", True),
    ],
)
def test_rules_of_a_dockerignore(rules: str, path: str, *, left_out: bool) -> None:
    assert parse_ignore_rules(rules).leaves_out(PurePosixPath(path)) is left_out


def test_rules_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_bytes("data\n".encode("utf-16"))
    with pytest.raises(SpecError, match="cannot be read") as caught:
        load_ignore_rules(tmp_path, tmp_path / "Dockerfile")
    assert caught.value.hint == "save it as UTF-8"


def test_a_dockerfile_may_have_rules_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "gpu.Dockerfile.dockerignore").write_text("b\n")
    usual = load_ignore_rules(tmp_path, tmp_path / "Dockerfile")
    own = load_ignore_rules(tmp_path, tmp_path / "gpu.Dockerfile")
    assert [usual.leaves_out(PurePosixPath(name)) for name in "ab"] == [True, False]
    assert [own.leaves_out(PurePosixPath(name)) for name in "ab"] == [False, True]
