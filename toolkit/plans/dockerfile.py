"""From a Dockerfile the user wrote to the image it describes. Reads its folder, runs nothing.

It is an image of its own, on which ours is built: a `COPY . .` in it must not see our files, and
an edit of ours must not run its steps again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.errors import SpecError
from toolkit.plans import emulation
from toolkit.plans.model import ImagePlan, PlacedFile
from toolkit.specs.environment.dockerfile import SCRATCH, Stage, final_image, stages
from toolkit.specs.environment.dockerignore import IgnoreRules, load_ignore_rules
from toolkit.specs.environment.lineage import images_taken
from toolkit.specs.environment.model import Dockerfile

# azureml-core warns beyond these: "Environment.from_docker_build_context"
MANY_FILES: Final = 100
MUCH: Final = 1 << 20
_ALWAYS_LEFT_OUT: Final = frozenset({".aml-emu"})  # ours: it changes with every build
_DOCKERFILE: Final = PurePosixPath("Dockerfile")  # where builders look for it; sent as text


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """The plan of the user's image, and what to say before its context is sent."""

    plan: ImagePlan
    notes: tuple[str, ...] = ()


def own_name(name: str) -> str:
    """The name of the user's part of the environment `name`."""
    return f"{name}-own"


def plan_own_image(
    dockerfile: Dockerfile, *, name: str, stand_in: Callable[[str], str] = str
) -> OwnImage:
    """The image of a user's Dockerfile. `stand_in` gives the image to use for one it names.

    Raises SpecError, with the line, for a Dockerfile that cannot be built here.
    """
    _check_escape(dockerfile)
    found = stages(dockerfile)
    base = final_image(found)
    if base == SCRATCH:
        raise _at_last_from(dockerfile, found, "an image from `scratch` has no Python")
    text, replaced = _with_stand_ins(dockerfile.text, found, stand_in)
    files = tuple(_context(dockerfile))
    plan = ImagePlan(
        name=own_name(name),
        base=stand_in(base),
        others=_others(dockerfile, base, stand_in),
        dockerfile=text,
        context=files,
        labels={emulation.LABEL_KIND: "image", emulation.LABEL_NAME: name},
    )
    return OwnImage(plan=plan, notes=(*replaced, *_size_notes(dockerfile, files)))


def _others(dockerfile: Dockerfile, base: str, stand_in: Callable[[str], str]) -> tuple[str, ...]:
    """Stand-ins are for FROM lines only: what `COPY --from` names stays as it is in the text."""
    standing = {stage.image for stage in stages(dockerfile)}
    taken = (name for name in images_taken(dockerfile) if name != base)
    return tuple(stand_in(name) if name in standing else name for name in taken)


def _check_escape(dockerfile: Dockerfile) -> None:
    for number, line in enumerate(dockerfile.text.splitlines()):
        name, _, value = line.lstrip("#").partition("=")
        if not line.startswith("#") or not value:
            return
        if name.strip().lower() == "escape" and value.strip() != "\\":
            place = f"{dockerfile.path}:{dockerfile.line(number)}"
            raise SpecError(f"{place}: only `\\` can continue a line here: `{line}`")


def _at_last_from(dockerfile: Dockerfile, found: tuple[Stage, ...], problem: str) -> SpecError:
    line = dockerfile.line(found[-1].instruction.first)
    return SpecError(f"{dockerfile.path}:{line}: {problem}", hint="name an image that has one")


def _with_stand_ins(
    text: str, found: tuple[Stage, ...], stand_in: Callable[[str], str]
) -> tuple[str, list[str]]:
    """The text with other images in its FROM lines; every other byte stays."""
    lines = text.splitlines(keepends=True)
    names = {stage.name.lower() for stage in found if stage.name}
    notes: list[str] = []
    for stage in reversed(found):
        image = stand_in(stage.image)
        if stage.image.lower() in names or image == stage.image:
            continue
        named = f" AS {stage.name}" if stage.name else ""
        first, last = stage.instruction.first, stage.instruction.last
        lines[first : last + 1] = [f"FROM {stage.flags}{image}{named}\n"]
        notes.append(f"`{image}` stands in for `{stage.image}`")
    return "".join(lines), notes[::-1]


def _context(dockerfile: Dockerfile) -> Iterator[PlacedFile]:
    """The files of the context in one order, whatever the file system's is."""
    if dockerfile.context is None:
        return
    rules = load_ignore_rules(dockerfile.context, dockerfile.path)
    for path, relative in _walk(dockerfile.context, PurePosixPath(), rules):
        if relative == _DOCKERFILE or rules.leaves_out(relative):
            continue
        executable = path.stat().st_mode & 0o100
        yield PlacedFile(path=relative, content=path, mode=0o755 if executable else 0o644)


def _walk(
    root: Path, folder: PurePosixPath, rules: IgnoreRules
) -> Iterator[tuple[Path, PurePosixPath]]:
    for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
        relative = folder / entry.name
        if entry.name in _ALWAYS_LEFT_OUT:
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            _check_link(root, path, relative, rules)
        if entry.is_dir():
            if rules.has_exceptions or not rules.leaves_out(relative):
                yield from _walk(root, relative, rules)
        elif entry.is_file():
            yield path, relative


def _check_link(root: Path, path: Path, relative: PurePosixPath, rules: IgnoreRules) -> None:
    """A link is sent as what it leads to: not out of the context, not back up into itself."""
    if rules.leaves_out(relative):
        return
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        raise SpecError(
            f"link leads out of the build context: {path}", hint="list it in `.dockerignore`"
        )
    if target.is_dir() and path.parent.resolve().is_relative_to(target):
        raise SpecError(f"link leads back to its own folder: {path}")


def _size_notes(dockerfile: Dockerfile, files: tuple[PlacedFile, ...]) -> list[str]:
    sizes = {
        file.path: file.content.stat().st_size for file in files if isinstance(file.content, Path)
    }
    total = sum(sizes.values())
    if len(sizes) <= MANY_FILES and total <= MUCH:
        return []
    largest = max(sizes, key=lambda path: sizes[path])
    described = f"{len(sizes)} files, {_megabytes(total)}"
    blamed = f"the largest is {largest} with {_megabytes(sizes[largest])}"
    advice = "a `.dockerignore` keeps at home what the Dockerfile does not copy"
    return [f"the build context {dockerfile.context} is large: {described}; {blamed}: {advice}"]


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
