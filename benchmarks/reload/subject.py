"""What is measured: something that serves the project, and takes its saved changes in somehow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.reload.project import Project
from toolkit.engines.base import Handle


def nothing() -> None:
    """For servers that notice a save by themselves."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A started server. `after_save` is what somebody must do by hand for a save to count."""

    handle: Handle
    port: int
    debug_port: int | None = None
    after_save: Callable[[], None] = nothing


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A way to serve; `debugger` is off, listening or attached. `is_slow`: reloads take seconds."""

    name: str
    start: Callable[[Project], AbstractContextManager[Running]]
    debugger: str = "off"
    is_slow: bool = False

    @property
    def title(self) -> str:
        return self.name if self.debugger == "off" else f"{self.name}, debugger {self.debugger}"
