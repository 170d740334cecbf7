"""Cleaning up: the engine's leftovers, and what this user's cache folder holds beside them."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from toolkit.engines.base import Engine, Pruned, Pruning
from toolkit.engines.disk import room_of
from toolkit.live.base import package_folder
from toolkit.live.service import find_services
from toolkit.plans import emulation
from toolkit.settings import Settings


def prune(
    engine: Engine,
    settings: Settings,
    *,
    everything: bool = False,
    dry_run: bool = False,
    names: Collection[str] = (),
) -> Pruning:
    """Remove what is of no more use; with `everything`, whatever can be made again.

    What an ended service left in the user's folder goes with its container. Of `names`, those
    that no image has are told.
    """
    unknown = [name for name in names if not engine.images({emulation.LABEL_NAME: name})]
    ended = [service for service in find_services(engine) if not service.handle.state().is_running]
    pruning = engine.prune(everything=everything, dry_run=dry_run, names=names)
    for service in ended:
        if service.handle.state().status == "gone":
            service.stop(engine)
    notes = [f"there is no image of an environment `{name}`" for name in unknown]
    pruning = replace(pruning, notes=(*pruning.notes, *notes))
    if not everything or names:
        return pruning
    folder = _remove(package_folder(settings), dry_run=dry_run)
    return replace(
        pruning,
        removed=(*pruning.removed, *folder),
        freed=pruning.freed + sum(each.size for each in folder),
    )


def _remove(folder: Path, *, dry_run: bool) -> list[Pruned]:
    if not folder.is_dir():
        return []
    told = Pruned(kind="folder", name=str(folder), size=room_of(folder))
    if not dry_run:
        shutil.rmtree(folder)
    return [told]
