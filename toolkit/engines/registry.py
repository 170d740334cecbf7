"""Which engines there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from toolkit.engines.base import Engine
from toolkit.engines.docker import DockerEngine
from toolkit.settings import EngineName

_ENGINES: Final[Mapping[EngineName, Callable[[Mapping[str, str]], Engine]]] = {
    "auto": DockerEngine,
    "docker": DockerEngine,
}


def make_engine(name: EngineName, environ: Mapping[str, str]) -> Engine:
    """The engine of that name; nothing is contacted before its first use."""
    return _ENGINES[name](environ)
