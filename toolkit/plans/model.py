"""The values that plans are made of: what to build, what to launch. Frozen, comparable, inert."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

from toolkit.plans.choices import BaseSource, CondaMode, ImageKind, ReloadMode

__all__ = [
    "BaseSource",
    "Cache",
    "CondaMode",
    "Contents",
    "ImageKind",
    "ImagePlan",
    "LaunchKind",
    "LaunchPlan",
    "Layout",
    "Mount",
    "PlacedFile",
    "Port",
    "Probe",
    "Reload",
    "ReloadMode",
    "joint_id",
]

LaunchKind = Literal["service", "run"]


@dataclass(frozen=True, kw_only=True)
class PlacedFile:
    """One file of a build context, or one put into a container before it starts.

    `content` is the bytes themselves, or a host path for what is too big to hold in memory.
    """

    path: PurePosixPath
    content: bytes | Path
    mode: int = 0o644

    def digest(self) -> str:
        """Hash of the content, whether it is bytes or a file."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        found = self.content.stat()
        return _file_digest(self.content, found.st_size, found.st_mtime_ns)


@cache
def _file_digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  # part of the key
    """Asked several times in one build, and a model has gigabytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What an image of ours has beside its packages: the same whoever brings Python.

    `files` have absolute paths; `folders` are writable by anybody.
    """

    debugpy: PurePosixPath
    debugpy_version: str
    env: Mapping[str, str]
    files: tuple[PlacedFile, ...]
    folders: tuple[PurePosixPath, ...]
    links: Mapping[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    command: tuple[str, ...]
    working_dir: PurePosixPath


@dataclass(frozen=True, kw_only=True)
class Contents(Layout):
    """What an image contains, said without a Dockerfile: the Dockerfile is rendered from it.

    `lock` is a requirements file of exact versions, installed into an environment at `prefix`
    whose Python is `python` (`major.minor`). `paths_first` goes in front of the base's own value
    of these variables.
    """

    prefix: PurePosixPath
    python: str
    lock: str
    paths_first: Mapping[str, PurePosixPath]


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """An image to build: a Dockerfile, its context, and the image it stands on.

    `others` are further images that its steps take files from.

    `contents` says the same for engines that build no images; it is missing where only a build
    can know: an image or a Dockerfile of the user's, or an environment that conda solves.

    `secrets` are the names of the build secrets its steps mount; their values never enter a plan.
    `tags` are further names beside the one made from the inputs.
    """

    name: str
    base: str
    dockerfile: str
    context: tuple[PlacedFile, ...] = ()
    platform: str | None = None
    secrets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    contents: Contents | None = None
    others: tuple[str, ...] = ()

    def inputs(self, base_id: str) -> str:
        """Hash of everything that decides the image's content.

        `base_id` is the base's own hash; where there are `others`, theirs is in it (`joint_id`).
        """
        described = {
            "base": base_id,
            "context": [[str(f.path), f.mode, f.digest()] for f in self.context],
            "dockerfile": self.dockerfile,
            "platform": self.platform,
            "secrets": self.secrets,
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def tag(self, base_id: str) -> str:
        """`aml-emu/<name>:<first 12 digits of the inputs' hash>`."""
        return f"aml-emu/{self.name}:{self.inputs(base_id)[:12]}"


def joint_id(base_id: str, *others: str) -> str:
    """One hash for an image and the others that a build takes from; its own if there are none."""
    if not others:
        return base_id
    return f"sha256:{hashlib.sha256(json.dumps([base_id, *others]).encode()).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A host file or folder seen inside the container."""

    source: Path
    target: PurePosixPath
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A named store that outlives the container; losing it costs time only."""

    name: str
    target: PurePosixPath


@dataclass(frozen=True, kw_only=True)
class Port:
    """A container port and the host port on 127.0.0.1 that leads to it (None: any free one)."""

    container: int
    host: int | None = None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Ready means: GET `path` on `port` answers 200 within `timeout` seconds of the start."""

    port: int
    path: str = "/"
    timeout: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Reload:
    """How new code gets into the running service."""

    mode: ReloadMode
    control_port: int
    token: str


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """One container (or sandbox) to start.

    `folders` are made writable by anybody before it starts, then `files` are put in place.
    `as_host_user` runs it with the ids of the person at the keyboard, so that what the code
    writes into mounted folders is theirs.

    `port_variables` (by container port) and `interface_variable` name the environment variables
    that tell the programs where to listen. Engines whose launches share the host's network set
    them; in a network of its own the programs listen where they always do.

    A `leashed` thing's standard input stays open exactly as long as the process that launched it
    lives: at its end the command should end too. `memory` and `shm_size` are as Docker writes
    sizes (`512m`), `cpus` is how many it may use at most (0.5 is half of one); engines without
    limits say so in their notes.
    """

    kind: LaunchKind
    name: str
    image: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    caches: tuple[Cache, ...] = ()
    ports: tuple[Port, ...] = ()
    files: tuple[PlacedFile, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    working_dir: PurePosixPath | None = None
    probe: Probe | None = None
    reload: Reload | None = None
    as_host_user: bool = True
    port_variables: Mapping[int, str] = field(default_factory=dict)
    interface_variable: str | None = None
    leashed: bool = False
    memory: str | None = None
    cpus: float | None = None
    shm_size: str | None = None
