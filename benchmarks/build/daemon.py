"""What both sides do with the engine: build a folder or a text, look at sizes, leave nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from toolkit.engines.buildkit import BuildRequest, build_image, context_of
from toolkit.engines.docker.connect import connect
from toolkit.engines.trust import host_trust
from toolkit.plans.model import PlacedFile

_client = connect(os.environ)


def build(files: Iterable[PlacedFile], *, tag: str, no_cache: bool) -> float:
    """Seconds of one build, with this machine's certificates and feeds as secrets."""
    request = BuildRequest(
        context=context_of(files),
        tags=(tag,),
        secrets=host_trust(os.environ).secrets(),
        no_cache=no_cache,
    )
    started = time.monotonic()
    build_image(_client.api, request, on_event=lambda _: None, environment=os.environ)
    return time.monotonic() - started


def megabytes(reference: str) -> float:
    return round(float(_client.images.get(reference).attrs["Size"]) / 1e6, 1)


@contextmanager
def leaving_nothing(name: str) -> Iterator[None]:
    """Remove the images and the caches that have this name in theirs, and nobody else's."""
    try:
        yield
    finally:
        for image in _client.images.list():
            for tag in image.tags:
                if name in tag:
                    _client.images.remove(tag, force=True)
        left = -1
        while (records := _records_of(name)) and len(records) != left:
            left = len(records)  # one that others stand on goes in the next round
            for record in records:
                _client.api.prune_builds({"id": record})  # type: ignore[arg-type]


def _records_of(name: str) -> list[str]:
    """Build cache records with the name in theirs, and what stands on them; last ones first."""
    records = _client.df()["BuildCache"] or ()
    found = {each["ID"] for each in records if name in each.get("Description", "")}
    ordered = list(found)
    while more := [
        each["ID"] for each in records if each["ID"] not in found and each.get("Parent") in found
    ]:
        found.update(more)
        ordered += more
    return ordered[::-1]
