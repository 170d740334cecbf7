"""The sides of the comparison: Docker, and each sandbox of the process engine that works here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from toolkit.engines.base import Engine
from toolkit.engines.docker import DockerEngine
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import RUNGS, choose
from toolkit.settings import cache_folder

DOCKER = "docker"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to run things; `environ` is what a command of this side is given."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--engine", DOCKER if self.name == DOCKER else "process")

    def engine(self) -> Engine:
        """A new one, as each command makes one."""
        return DockerEngine(self.environ) if self.name == DOCKER else ProcessEngine(self.environ)


@contextmanager
def sides(only: Sequence[str]) -> Iterator[list[Side]]:
    """Docker first. The others share a cache of the benchmark's own, beside the user's.

    It has uv's own cache in common with everything else, which is what makes it warm.
    """
    here = dict(os.environ)
    usual = cache_folder(here)
    uv_cache = here.get("UV_CACHE_DIR") or str(usual.parent / "uv")
    usual.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=usual.parent) as folder:
        own = {**here, "XDG_CACHE_HOME": folder, "UV_CACHE_DIR": uv_cache}
        found = [
            Side(name=DOCKER, environ=here),
            *(
                Side(name=rung, environ={**own, "AML_EMU_SANDBOX": rung})
                for rung in RUNGS
                if choose(here, [rung, "plain"]).rung == rung
            ),
        ]
        yield [side for side in found if not only or side.name in only]


def without_environments(side: Side, folder: Path) -> Side:
    """The same with an empty cache of ours; what uv has downloaded stays."""
    return Side(name=side.name, environ={**side.environ, "XDG_CACHE_HOME": str(folder)})
