"""Reading a Dockerfile far enough to know what it stands on. Builds nothing, changes nothing.

The grammar is the one of docs.docker.com, "Dockerfile reference": continuation lines, comments
between them, here-documents, global ARG values in FROM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolkit.errors import SpecError
from toolkit.specs.environment.model import Dockerfile, DockerfileEnvironment, slug
from toolkit.specs.yamlfile import at_line, read_text

SCRATCH: Final = "scratch"
_BEFORE_FROM: Final = {"ARG"}
_HEREDOC: Final = re.compile(r"(?<!\S)\d*<<-?([\"']?)([A-Za-z_]\w*)\1(?!\S)")
_FROM: Final = re.compile(
    r"(?P<flags>(?:--\S+\s+)*)(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE
)
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>\w+))")
_OUTSIDE: Final = re.compile(r"(?:\.?/)*\.\.(?:/|$)")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction; `first` and `last` are 0-based lines of the text."""

    keyword: str
    rest: str
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One FROM: the image it names after substitution, or an earlier stage's name."""

    image: str
    name: str
    flags: str
    instruction: Instruction


def is_dockerfile_name(name: str) -> bool:
    """`Dockerfile`, `Dockerfile.gpu`, `gpu.Dockerfile`, and what the v1 SDK saves."""
    return bool(re.fullmatch(r"(.+\.)?Dockerfile|Dockerfile\..+|BaseDockerfile", name))


def dockerfile_environment(path: Path) -> DockerfileEnvironment:
    """A Dockerfile of its own: the context is its folder."""
    dockerfile = load_dockerfile(path, context=path.parent)
    stem = re.sub(r"\.?Dockerfile\.?", "", path.name)
    return DockerfileEnvironment(
        name=slug(stem or path.resolve().parent.name), dockerfile=dockerfile
    )


def load_dockerfile(path: Path, *, context: Path | None) -> Dockerfile:
    """Raises SpecError for a file that is no Dockerfile."""
    dockerfile = Dockerfile(path=path, text=read_text(path, what="Dockerfile"), context=context)
    stages(dockerfile)
    return dockerfile


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, comments and here-document bodies left out."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        first, words = number, lines[number].strip()
        number += 1
        if not words or words.startswith("#"):
            continue
        while words.endswith("\\") and number < len(lines):
            following = lines[number].strip()
            number += 1
            if not following.startswith("#") and following:
                words = f"{words[:-1].rstrip()} {following}"
        keyword, _, rest = words.partition(" ")
        if keyword.upper() in {"RUN", "COPY", "ADD"}:
            for _quote, end in _HEREDOC.findall(rest):
                while number < len(lines) and lines[number].strip() != end:
                    number += 1
                number += 1
        yield Instruction(
            keyword=keyword.upper(),
            rest=rest.strip(),
            first=first,
            last=min(number, len(lines)) - 1,
        )


def stages(dockerfile: Dockerfile) -> tuple[Stage, ...]:
    """Every FROM in order; the last one is what the image stands on.

    Raises SpecError, with the line, for what no builder could build from this text alone.
    """
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for instruction in instructions(dockerfile.text):
        match instruction.keyword:
            case "FROM":
                found.append(_stage(dockerfile, instruction, arguments))
            case "ARG" if not found:
                name, separator, default = instruction.rest.partition("=")
                if separator:
                    arguments[name.strip()] = default.strip().strip("\"'")
            case "COPY" | "ADD" if found:
                _check_sources(dockerfile, instruction)
            case keyword if not found and keyword not in _BEFORE_FROM:
                raise _error(
                    dockerfile,
                    instruction,
                    f"`{keyword}` before the first `FROM`",
                    hint="a Dockerfile begins with `FROM IMAGE`",
                )
    if not found:
        raise SpecError(
            f"{dockerfile.path}: no `FROM` in this Dockerfile",
            hint="a Dockerfile begins with `FROM IMAGE`",
        )
    return tuple(found)


def final_image(found: tuple[Stage, ...]) -> str:
    """The image under the last stage, through stages that stand on earlier ones."""
    earlier = {stage.name.lower(): stage.image for stage in found[:-1] if stage.name}
    image = found[-1].image
    while image.lower() in earlier:
        image = earlier.pop(image.lower())
    return image


def _stage(dockerfile: Dockerfile, instruction: Instruction, arguments: Mapping[str, str]) -> Stage:
    match = _FROM.fullmatch(instruction.rest)
    if not match:
        raise _error(
            dockerfile,
            instruction,
            f"not a `FROM`: `{instruction.rest}`",
            hint="write `FROM IMAGE` or `FROM IMAGE AS NAME`",
        )

    def value(variable: re.Match[str]) -> str:
        name = variable["braced"] or variable["bare"]
        known = arguments.get(name) or variable["default"]
        if not known:
            raise _error(
                dockerfile,
                instruction,
                f"`{name}` in `FROM` has no value",
                hint=f"give it one before the first `FROM`: `ARG {name}=...`",
            )
        return known

    return Stage(
        image=_VARIABLE.sub(value, match["image"]),
        name=match["name"] or "",
        flags=match["flags"],
        instruction=instruction,
    )


def _check_sources(dockerfile: Dockerfile, instruction: Instruction) -> None:
    words = [word for word in instruction.rest.split() if not word.startswith("--")]
    if "--from=" in instruction.rest or instruction.rest.lstrip().startswith("["):
        return
    for source in words[:-1]:
        if _OUTSIDE.match(source):
            raise _error(
                dockerfile,
                instruction,
                f"`{source}` leads out of the build context",
                hint="copy it into the folder of the context"
                if dockerfile.context is None
                else f"copy it into {dockerfile.context}, or name a folder above as `build.path`",
            )


def _error(
    dockerfile: Dockerfile, instruction: Instruction, problem: str, *, hint: str
) -> SpecError:
    return at_line(dockerfile.path, dockerfile.line(instruction.first), problem, hint=hint)
