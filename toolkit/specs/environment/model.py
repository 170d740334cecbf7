"""What an environment can be: five kinds of value. They read nothing and decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

CuratedKind = Literal["inference", "training"]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One line of a dependency list, with the line it stands on."""

    text: str
    line: int | None

    @property
    def name(self) -> str:
        """Lower-case package name: `Scikit_Learn==1.5` gives `scikit-learn`."""
        match = re.match(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)", self.text)
        return re.sub(r"[-_.]+", "-", match[1]).strip("-").lower() if match else ""


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A Dockerfile the user wrote, and the folder its COPY reads from (None: it has no files).

    The text begins on line `first_line` of `path`; a v1 environment in JSON holds all of it there.
    """

    path: Path
    text: str
    context: Path | None = None
    first_line: int = 1
    on_one_line: bool = False

    def line(self, number: int) -> int:
        """The line of `path` on which line `number` of the text stands, counted from 0."""
        return self.first_line if self.on_one_line else self.first_line + number


@dataclass(frozen=True, kw_only=True)
class CondaEnvironment:
    """Conda and pip packages: a conda file, on its own or on an image that somebody named.

    `path` is the file in which the packages stand. Without a `base` the settings decide; without
    a `prefix` the name does. `upgrades` are installed last, whatever the others say of them.
    `notes` are sentences for the user.
    """

    name: str
    path: Path
    channels: tuple[str, ...] = ()
    conda: tuple[Dependency, ...] = ()
    pip: tuple[Dependency, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    base: str | Dockerfile | None = None
    prefix: PurePosixPath | None = None
    upgrades: tuple[Dependency, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PipEnvironment:
    """A pip requirements file."""

    name: str
    path: Path
    pip: tuple[Dependency, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DockerfileEnvironment:
    """A Dockerfile that brings its own Python."""

    name: str
    dockerfile: Dockerfile
    interpreter: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageEnvironment:
    """An image as it is. `path` is the file that names it, if one does."""

    name: str
    image: str
    path: Path | None = None
    interpreter: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CuratedEnvironment:
    """One of Azure's own environments, frozen: `recipe` says what it is made of.

    `folder` holds its files (None: it is known by its published image only). `successor` is the
    current name of what a retired one was for.
    """

    name: str
    title: str
    kind: CuratedKind
    era: str
    python: str
    recipe: CondaEnvironment | DockerfileEnvironment | ImageEnvironment
    folder: Path | None
    successor: str = ""
    notes: tuple[str, ...] = ()


Environment = (
    CondaEnvironment
    | PipEnvironment
    | DockerfileEnvironment
    | ImageEnvironment
    | CuratedEnvironment
)


def slug(text: str) -> str:
    """A name that Docker, conda and file systems all accept; `env` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "env"


def is_one_line(value: str) -> bool:
    """Whether a Dockerfile can set a variable to it: a break at its end, too, ends the line."""
    return value.splitlines() in ([], [value])


def is_image(text: str) -> bool:
    """Whether it can name an image: nothing that a Dockerfile would read as something else."""
    return bool(re.fullmatch(r"[\w./:@-]+", text, re.ASCII))


def image_name(reference: str) -> str:
    """The last part of an image reference, without registry, tag and digest."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
