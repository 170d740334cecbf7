"""`--engine auto`: Docker when it answers, else processes; finds what either of them runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property

from toolkit.engines.base import (
    BuildOptions,
    Engine,
    EngineInfo,
    Forehanded,
    Handle,
    HostAddress,
    Image,
    Pruning,
    Serial,
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
        self._series: ExitStack | None = None

    @cached_property
    def _second(self) -> Engine:
        second = self._instead()
        if self._series is not None and isinstance(second, Serial):
            self._series.enter_context(second.series())
        return second

    @contextmanager
    def series(self) -> Iterator[None]:
        """A series of the second engine, if it turns out to be the chosen one."""
        with ExitStack() as self._series:
            if "_second" in vars(self) and isinstance(self._second, Serial):
                self._series.enter_context(self._second.series())
            yield
        self._series = None

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

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        if isinstance(self._chosen, Forehanded):
            return self._chosen.begin(plan, options, on_event)
        return lambda: None

    def has(self, image: str) -> bool:
        return self._chosen.has(image)

    def port_holder(self, port: int) -> str | None:
        return self._chosen.port_holder(port)

    def host_address(self) -> HostAddress:
        return self._chosen.host_address()

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
