"""Which things on a Docker engine are ours and of no more use. Decides only; removes nothing.

Labels alone prove little, because images and containers inherit those of the image they are made
from: an image is ours by a name that says what it was built from, a container by its kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from toolkit.plans import emulation
from toolkit.plans.model import LaunchKind
from toolkit.settings import DEFAULT_BASE

VOLUME_PREFIX: Final = "aml-emu-"
_OURS: Final = "aml-emu/"
_HASH_LENGTH: Final = 12
_LATEST: Final = "latest"
_ENDED: Final = frozenset({"exited", "dead", "stopped"})  # Podman says `stopped` too
_REGISTRY: Final = re.compile(r"^(?:docker\.io/(?:library/)?|localhost/)")  # Podman adds one
_BYTECODE: Final = re.compile(rf"{VOLUME_PREFIX}pyc-(?P<name>.+)-(?P<hash>[0-9a-f]{{12}})")

# What only the steps of our own Dockerfiles say. The engine tells a step's text, not who ran it.
_CACHE_MOUNT: Final = "cached mount /var/cache/aml-emu-"
_STEPS: Final = (
    "/var/cache/aml-emu-",
    "/opt/aml-emu",
    "sh /mnt/finish.sh",
    "command -v runsvdir >/dev/null && command -v killall",
)
_OUR_COPY: Final = re.compile(r"fileop target|COPY (?:--\S+ )*(?:root/ /|azureml-app)")

Record = Mapping[str, Any]  # as the engine's API gives it


_LONGEST_START: Final = 600.0  # seconds; what is not started by then has lost its command


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What an engine has `now` (seconds since 1970): everybody's containers, images and volumes."""

    containers: Sequence[Record]
    images: Sequence[Record]
    volumes: Sequence[Record]
    now: float


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What may go, in the order in which it can."""

    containers: tuple[Record, ...] = ()
    images: tuple[Record, ...] = ()
    volumes: tuple[Record, ...] = ()


def _is_over(container: Record, now: float) -> bool:
    if container["State"] == "created":
        return bool(now - container["Created"] > _LONGEST_START)
    return container["State"] in _ENDED


def leftovers(stock: Stock, *, everything: bool, names: Collection[str] = ()) -> Leftovers:
    """Our ended containers, our images that nobody needs, the caches of images that are gone."""
    ours = [image for image in stock.images if is_ours(image)]
    images = [
        image for image in ours if not names or _labels(image).get(emulation.LABEL_NAME) in names
    ]
    ids = {image["Id"] for image in images}
    ended = tuple(
        container
        for container in stock.containers
        if _labels(container).get(emulation.LABEL_KIND) in get_args(LaunchKind)
        and _is_over(container, stock.now)
        and (not names or container["ImageID"] in ids)
    )
    gone = {container["Id"] for container in ended}
    used = {each["ImageID"] for each in stock.containers if each["Id"] not in gone}
    kept = used if everything else used | _newest(images)
    unused = tuple(image for image in images if image["Id"] not in kept)
    return Leftovers(
        containers=ended,
        images=unused,
        volumes=tuple(_volumes(stock, ended, unused, everything=everything, names=names)),
    )


def is_ours(image: Record) -> bool:
    """Whether all names of the image are those that we gave it; a user's own name keeps it."""
    inputs = _labels(image).get(emulation.LABEL_INPUTS, "")
    tags = our_tags(image)
    return bool(inputs and tags) and len(tags) == len(image.get("RepoTags") or ())


def our_tags(image: Record) -> list[str]:
    """The image's names that are made from what it was built from, as the engine writes them."""
    inputs = _labels(image).get(emulation.LABEL_INPUTS, "?")
    return [tag for tag in image.get("RepoTags") or () if _is_our_tag(tag, inputs)]


def our_records(records: Sequence[Record]) -> list[Record]:
    """The records of the build cache that the steps of our Dockerfiles left."""
    ours = {
        record["ID"]
        for record in records
        if any(step in record["Description"] for step in _STEPS)
        or record["Description"].startswith(_CACHE_MOUNT)
    }
    by_parent: dict[str, list[Record]] = {}
    for record in records:
        for parent in _parents(record):
            by_parent.setdefault(parent, []).append(record)
    waiting = list(ours)
    while waiting:
        for child in by_parent.get(waiting.pop(), ()):
            if child["ID"] not in ours and _OUR_COPY.search(child["Description"]):
                ours.add(child["ID"])
                waiting.append(child["ID"])
    return [record for record in records if record["ID"] in ours]


def is_free(record: Record) -> bool:
    """Whether a record of the build cache is no part of an image and of no running build."""
    return not record["InUse"] and not record["Shared"]


def _newest(images: Iterable[Record]) -> set[str]:
    newest: dict[str, Record] = {}
    for image in images:
        for tag in our_tags(image):
            name, _, version = tag.rpartition(":")
            before = newest.get(name)
            if before is None or version == _LATEST or _is_newer(image, before, name):
                newest[name] = image
    return {image["Id"] for image in newest.values()}


def _is_newer(image: Record, other: Record, name: str) -> bool:
    """By date, unless the other one is the one that the name alone stands for."""
    tags = other.get("RepoTags") or ()
    return f"{name}:{_LATEST}" not in tags and image["Created"] > other["Created"]


def _volumes(
    stock: Stock,
    ended: Iterable[Record],
    unused: Iterable[Record],
    *,
    everything: bool,
    names: Collection[str],
) -> Iterable[Record]:
    """Our volumes that nobody mounts, of images that are not there any more."""
    gone = {container["Id"] for container in ended}
    mounted = {
        mount.get("Name")
        for container in stock.containers
        if container["Id"] not in gone
        for mount in container.get("Mounts") or ()
    }
    removed = {image["Id"] for image in unused}
    there = {
        _cache_name(tag)
        for image in stock.images
        if image["Id"] not in removed
        for tag in image.get("RepoTags") or ()
    }
    for volume in stock.volumes:
        name = volume["Name"]
        found = _BYTECODE.fullmatch(name)
        if emulation.LABEL not in _labels(volume) or not name.startswith(VOLUME_PREFIX):
            continue
        if name in mounted or (names and not (found and found["name"] in names)):
            continue
        if everything or (found and name not in there):
            yield volume


def _cache_name(tag: str) -> str:
    """The volume that a service of this image keeps its bytecode in (`plans/service.py`)."""
    return f"{VOLUME_PREFIX}pyc-{tag.rpartition('/')[2].replace(':', '-')}"


def _is_our_tag(tag: str, inputs: str) -> bool:
    plain = _REGISTRY.sub("", tag)
    name, _, version = plain.rpartition(":")
    if plain == f"{DEFAULT_BASE}:{_LATEST}":
        return True
    return name.startswith(_OURS) and version == inputs[:_HASH_LENGTH]


def _labels(record: Record) -> Mapping[str, str]:
    return record.get("Labels") or {}


def _parents(record: Record) -> Sequence[str]:
    """One in the old API, several in the new one."""
    return record.get("Parents") or ([record["Parent"]] if record.get("Parent") else [])
