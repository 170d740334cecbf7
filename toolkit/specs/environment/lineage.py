"""Which images the last stage of a Dockerfile takes anything from; reads text, looks nothing up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from toolkit.specs.environment.dockerfile import SCRATCH, Instruction, Stage, instructions, stages
from toolkit.specs.environment.model import Dockerfile

_COPY_FROM: Final = re.compile(r"(?:^|\s)--from=(?P<source>\S+)")
_MOUNT_FROM: Final = re.compile(r"(?:^|\s)--mount=\S*?\bfrom=(?P<source>[^\s,]+)")


def images_taken(dockerfile: Dockerfile) -> tuple[str, ...]:
    """The images as they are named, without `scratch`; builders skip stages nothing comes from.

    Left out is what a stage asks for on another platform than the rest.
    """
    found = stages(dockerfile)
    sources = _sources(dockerfile, found)
    wanted, seen, images = [len(found) - 1], set[int](), dict[str, None]()
    while wanted:
        number = wanted.pop()
        if number in seen:
            continue
        seen.add(number)
        stage = found[number]
        names = [stage.image, *sources[number]]
        for position, name in enumerate(names):
            earlier = _stage_called(name, found[:number], by_number=position > 0)
            if earlier is not None:
                wanted.append(earlier)
            elif name != SCRATCH and "$" not in name and not (position == 0 and stage.flags):
                images[name] = None
    return tuple(sorted(images))


def _sources(dockerfile: Dockerfile, found: tuple[Stage, ...]) -> list[list[str]]:
    """What each stage copies or mounts from, by the stage's number."""
    starts = [stage.instruction.first for stage in found]
    sources: list[list[str]] = [[] for _ in found]
    for instruction in instructions(dockerfile.text):
        number = sum(start <= instruction.first for start in starts) - 1
        if number >= 0:
            sources[number] += _named_in(instruction)
    return sources


def _named_in(instruction: Instruction) -> Iterator[str]:
    patterns = {"COPY": _COPY_FROM, "RUN": _MOUNT_FROM}
    if pattern := patterns.get(instruction.keyword):
        flags = re.match(r"(?:--\S+\s+)*", instruction.rest)
        yield from (match["source"] for match in pattern.finditer(flags[0] if flags else ""))


def _stage_called(name: str, earlier: tuple[Stage, ...], *, by_number: bool) -> int | None:
    """The last stage of that name, or of that number where numbers are allowed."""
    for number, stage in reversed(list(enumerate(earlier))):
        if stage.name and stage.name.lower() == name.lower():
            return number
    is_number = by_number and name.isdecimal() and int(name) < len(earlier)
    return int(name) if is_number else None
