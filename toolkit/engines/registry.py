"""Which engines there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from toolkit.engines.automatic import AutomaticEngine
from toolkit.engines.base import Engine
from toolkit.engines.docker import DockerEngine
from toolkit.settings import EngineName


def _process(environ: Mapping[str, str]) -> Engine:
    from toolkit.engines.process import ProcessEngine  # noqa: PLC0415  # needs a Unix system

    return ProcessEngine(environ)


def _automatic(environ: Mapping[str, str]) -> Engine:
    return AutomaticEngine(DockerEngine(environ), lambda: _process(environ))


_ENGINES: Final[Mapping[EngineName, Callable[[Mapping[str, str]], Engine]]] = {
    "auto": _automatic,
    "docker": DockerEngine,
    "process": _process,
}


def make_engine(name: EngineName, environ: Mapping[str, str]) -> Engine:
    """The engine of that name; nothing is contacted before its first use."""
    return _ENGINES[name](environ)
