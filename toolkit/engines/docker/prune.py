"""Removing what aml-emu made on a Docker engine, and telling how much room that makes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError, NotFound

from toolkit.engines.base import Pruned, Pruning
from toolkit.engines.buildkit import sdk
from toolkit.engines.buildkit.build import builder_of
from toolkit.engines.docker.leftovers import (
    Leftovers,
    Record,
    Stock,
    is_free,
    leftovers,
    our_records,
    our_tags,
)
from toolkit.plans import emulation

if TYPE_CHECKING:
    from docker import APIClient

_IN_USE: Final = 409
_BUSY: Final = "disk usage operation is already running"
_BUSY_SECONDS: Final = 60.0
_LONGEST_NAME: Final = 100
_BUILDAH: Final = (
    "Podman keeps the steps of builds as images without a name, not told apart from others': "
    "`podman image prune` removes all that are unused"
)


def prune(
    api: APIClient, *, everything: bool, dry_run: bool, names: Collection[str] = ()
) -> Pruning:
    """Remove our leftovers. The build cache says of no environment, so `names` leave it alone."""
    has_cache = builder_of(api.version()) == "buildkit"
    found = leftovers(_stock(api), everything=everything, names=names)
    usage = _Usage(api)
    notes = () if has_cache else (_BUILDAH,)
    if dry_run:
        records = [] if names else usage.free_records()
        listed = (*_listed(found, usage), *map(_pruned_record, records))
        return Pruning(removed=listed, freed=sum(each.size for each in listed), notes=notes)
    removed = [each for remove in _removals(api, found, usage) if (each := remove())]
    if has_cache and not names:
        removed += _prune_records(api, _Usage(api).free_records())
    freed = max(0, usage.total() - _Usage(api).total())
    return Pruning(removed=tuple(removed), freed=freed, notes=notes)


class _Usage:
    """What an engine says about its disk, once."""

    def __init__(self, api: APIClient) -> None:
        self._said = _disk_usage(api)

    def total(self) -> int:
        """All bytes; parts of the build cache that are layers of images are counted as layers."""
        cache = sum(r["Size"] for r in self._records if not r["Shared"])
        volumes = sum(self._volume_sizes.values())
        containers = sum(each.get("SizeRw") or 0 for each in self._said.get("Containers") or ())
        layers: int = self._said.get("LayersSize") or 0
        return layers + int(cache) + volumes + int(containers)

    def free_records(self) -> list[Record]:
        return [record for record in our_records(self._records) if is_free(record)]

    def of_image(self, image: Record) -> int:
        """Without the layers that other images have too; 0 where the engine cannot tell those."""
        if not self._said.get("LayersSize"):
            return 0
        shared = {each["Id"]: each.get("SharedSize") or 0 for each in self._said["Images"] or ()}
        own: int = image["Size"] - max(0, shared.get(image["Id"], 0))
        return max(0, own)

    def of_volume(self, volume: Record) -> int:
        return self._volume_sizes.get(str(volume["Name"]), 0)

    @property
    def _records(self) -> list[Record]:
        return list(self._said.get("BuildCache") or ())

    @property
    def _volume_sizes(self) -> dict[str, int]:
        """Not known for volumes of other drivers."""
        return {
            volume["Name"]: max(0, (volume.get("UsageData") or {}).get("Size") or 0)
            for volume in self._said.get("Volumes") or ()
        }


def _stock(api: APIClient) -> Stock:
    return Stock(
        containers=api.containers(all=True, size=True),
        images=[_dated(api, image) for image in api.images()],
        volumes=api.volumes()["Volumes"] or [],
        now=time.time(),
    )


def _dated(api: Any, image: Record) -> Record:
    """With a time that is exact, if the image may be ours."""
    if emulation.LABEL_INPUTS not in (image.get("Labels") or {}):
        return image
    try:
        return {**image, "Created": _moment(api.inspect_image(image["Id"])["Created"])}
    except NotFound:
        return {**image, "RepoTags": None}  # gone meanwhile


def _moment(text: str) -> str:
    """A time that sorts as text: the list knows whole seconds only, and builds are faster."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"


def _disk_usage(api: APIClient) -> Any:
    """Engines answer this to one client at a time."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return api.df()
        except APIError as error:
            if _BUSY not in str(error) or time.monotonic() > deadline:
                raise
        threading.Event().wait(0.2)


def _listed(found: Leftovers, usage: _Usage) -> Iterable[Pruned]:
    for container in found.containers:
        yield _pruned_container(container)
    for image in found.images:
        yield _pruned_image(image, usage)
    for volume in found.volumes:
        yield Pruned(kind="volume", name=volume["Name"], size=usage.of_volume(volume))


def _removals(
    api: APIClient, found: Leftovers, usage: _Usage
) -> Iterable[Callable[[], Pruned | None]]:
    """One step for each thing: containers first, because images and volumes are held by them."""
    for container in found.containers:
        yield _step(api.remove_container, container["Id"], _pruned_container(container), v=True)
    for image in found.images:
        for tag in our_tags(image):
            yield _step(api.remove_image, tag, _pruned_image(image, usage, tag))
    for volume in found.volumes:
        size = usage.of_volume(volume)
        told = Pruned(kind="volume", name=volume["Name"], size=size)
        yield _step(api.remove_volume, volume["Name"], told)


def _step(
    remove: Callable[..., Any], name: str, told: Pruned, **options: bool
) -> Callable[[], Pruned | None]:
    def run() -> Pruned | None:
        try:
            remove(name, **options)
        except NotFound:
            return None  # somebody was faster
        except APIError as error:
            if error.status_code == _IN_USE:
                return None  # taken into use since we looked
            raise
        return told

    return run


def _prune_records(api: APIClient, records: list[Record]) -> list[Pruned]:
    """Docker removes those of them that nothing else stands on."""
    if not records:
        return []
    # One expression, quoted as containerd's filters want it: the engine takes one value only.
    ids = "|".join(record["ID"] for record in records)
    filters = json.dumps({"id": [f'"^({ids})$"']})
    response = sdk.send_post(api, "/build/prune", params={"filters": filters})
    response.raise_for_status()
    deleted = set(response.json()["CachesDeleted"] or ())
    return [_pruned_record(record) for record in records if record["ID"] in deleted]


def _pruned_container(container: Record) -> Pruned:
    names = container.get("Names") or [container["Id"][:12]]
    return Pruned(kind="container", name=names[0].lstrip("/"), size=container.get("SizeRw") or 0)


def _pruned_image(image: Record, usage: _Usage, tag: str | None = None) -> Pruned:
    tags = our_tags(image)
    size = usage.of_image(image) if tag in {None, tags[0]} else 0  # once for all its names
    return Pruned(kind="image", name=tag or tags[0], size=size)


def _pruned_record(record: Record) -> Pruned:
    what = " ".join(record["Description"].split())
    return Pruned(kind="build cache", name=what[:_LONGEST_NAME], size=record["Size"])
