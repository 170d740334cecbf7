"""`--engine auto`: Docker when it answers, else processes; finds what either of them runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property

from toolkit.engines.base import (
    BuildOptions,
    Engine,
    EngineInfo,
    Handle,
    Image,
    Pruning,
    StoredImage,
)
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable
from toolkit.plans.model import ImagePlan, LaunchPlan


class AutomaticEngine:
    """Decides at its first use; `instead` makes the engine for machines without `first`."""

    def __init__(self, first: Engine, instead: Callable[[], Engine]) -> None:
        self._first = first
        self._instead = instead
        self._why = ""

    @cached_property
    def _second(self) -> Engine:
        return self._instead()

    @cached_property
    def _chosen(self) -> Engine:
        try:
            self._first.check()
        except EngineUnavailable as error:
            self._why = error.message
            return self._second
        return self._first

    @property
    def name(self) -> str:
        return self._chosen.name

    def check(self) -> EngineInfo:
        info = self._chosen.check()
        if not self._why:
            return info
        return replace(info, notes=(f"{self._why}: using {info.name}", *info.notes))

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image:
        return self._chosen.build(plan, options, on_event)

    def has(self, image: str) -> bool:
        return self._chosen.has(image)

    def port_holder(self, port: int) -> str | None:
        return self._chosen.port_holder(port)

    def images(self, labels: Mapping[str, str]) -> list[StoredImage]:
        return self._chosen.images(labels)

    def launch(self, plan: LaunchPlan) -> Handle:
        return self._chosen.launch(plan)

    def find(self, labels: Mapping[str, str]) -> list[Handle]:
        """What was launched on either: a service outlives the reason for its engine."""
        found = self._second.find(labels)
        return found if self._chosen is self._second else [*self._chosen.find(labels), *found]

    def prune(self, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
        """What either of them made: the one that is not chosen today may have been yesterday."""
        engines = [self._chosen, *([] if self._chosen is self._second else [self._second])]
        found = [
            engine.prune(everything=everything, dry_run=dry_run, names=names) for engine in engines
        ]
        return Pruning(
            removed=tuple(each for pruning in found for each in pruning.removed),
            freed=sum(pruning.freed for pruning in found),
            notes=tuple(note for pruning in found for note in pruning.notes),
        )
