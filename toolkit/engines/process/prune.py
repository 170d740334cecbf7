"""Removing what the process engine made: ended launches, old images, environments without one."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from toolkit.engines.base import Pruned, Pruning
from toolkit.engines.disk import room_of
from toolkit.engines.process.cachefolder import UNFINISHED, is_held, remove, writing
from toolkit.engines.process.images import Images, ProcessImage
from toolkit.engines.process.records import LaunchFolder, Record, launches
from toolkit.plans.emulation import LABEL_NAME

_SHELVES: Final = ("envs", "debugpy")
_FRESH_SECONDS: Final = 600.0  # one so young may wait for the image that it is made for


@dataclass(frozen=True, kw_only=True)
class _Doomed:
    launches: tuple[tuple[LaunchFolder, Record], ...]
    tags: tuple[str, ...]
    images: frozenset[str]
    environments: tuple[Path, ...]


def prune(cache: Path, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
    """As the engine's verb; `cache` is the folder of this user."""
    with writing(cache):
        images = Images(cache=cache)
        doomed = _choose(cache, images, everything=everything, names=names)
        removed = tuple(_told(doomed))
        if not dry_run:
            for folder, record in doomed.launches:
                folder.remove(record)
            images.forget(doomed.tags, doomed.images)
            for environment in doomed.environments:
                remove(environment)
    return Pruning(removed=removed, freed=sum(each.size for each in removed))


def _choose(cache: Path, images: Images, *, everything: bool, names: Collection[str]) -> _Doomed:
    tagged = dict(images.tagged())
    kept = [
        (folder, record, json.dumps(asdict(record))) for folder, record in launches(cache / "run")
    ]
    alive = "\n".join(text for folder, _, text in kept if folder.is_alive)
    newest: dict[str, str] = {}
    for tag, image in sorted(tagged.items(), key=lambda item: images.made_at(item[1].id)):
        newest[tag.rpartition(":")[0]] = image.id
    safe = {
        image.id
        for tag, image in tagged.items()
        if str(image.environment) in alive
        or (not everything and newest[tag.rpartition(":")[0]] == image.id)
        or (names and image.labels.get(LABEL_NAME) not in names)
    }
    tags = tuple(tag for tag, image in tagged.items() if image.id not in safe)
    theirs = [str(i.environment) for i in tagged.values() if i.labels.get(LABEL_NAME) in names]
    return _Doomed(
        launches=tuple(
            (folder, record)
            for folder, record, text in kept
            if not folder.is_alive and (not names or any(path in text for path in theirs))
        ),
        tags=tags,
        images=frozenset(tagged[tag].id for tag in tags),
        environments=tuple(_unused(cache, [i for i in tagged.values() if i.id in safe], alive)),
    )


def _unused(cache: Path, images: list[ProcessImage], alive: str) -> Iterator[Path]:
    needed = {path for image in images for path in (image.environment, image.debugger)}
    for shelf in _SHELVES:
        for path in sorted((cache / shelf).glob("*")):
            is_whole = path.is_dir() and not path.name.startswith(UNFINISHED)
            if not is_whole or path in needed or str(path) in alive:
                continue
            key = path.name.partition("-")[0]
            age = time.time() - path.stat().st_mtime
            if age > _FRESH_SECONDS and not is_held(path.with_name(f"{key}.lock")):
                yield path


def _told(doomed: _Doomed) -> Iterator[Pruned]:
    for folder, record in doomed.launches:
        yield Pruned(kind="launch", name=record.name, size=room_of(folder.path))
    for tag in doomed.tags:
        yield Pruned(kind="image", name=tag, size=0)  # its environment is what takes room
    for path in doomed.environments:
        yield Pruned(kind="environment", name=str(path), size=room_of(path))
