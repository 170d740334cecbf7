"""What a worker that got ready proves about the modules in it: that a forking master may hold them.

Where the whole process is harmless, so is each of its modules, and none needs a trial of its own.
"""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Callable, Dict, List, NamedTuple, Sequence

from .trial import gives_way_to_fork, holds_gpu, tasks

# gRPC takes its time at a fork, or complains.
WARY_OF_FORKS = ("grpc",)


class Process(NamedTuple):
    """How this process is looked at from outside Python."""

    tasks: Callable[[], Sequence[str]] = tasks
    holds_gpu: Callable[[], bool] = holds_gpu
    gives_way_to_fork: Callable[[], bool] = gives_way_to_fork


THIS = Process()


def is_harmless(threads: int, process: Process = THIS) -> bool:
    """Whether this process has no more than these threads, and nothing else that a fork breaks."""
    if threading.active_count() > threads or process.holds_gpu():
        return False
    if len(process.tasks()) == threading.active_count():
        return True
    if any(name in sys.modules for name in WARY_OF_FORKS):
        return False
    with warnings.catch_warnings():
        # The child ends at once, whatever locks our own thread may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        return process.gives_way_to_fork()


def loaded_of(wanted: Dict[str, List[str]]) -> List[str]:
    """The modules that are loaded with all that is taken from them."""
    return [name for name, names in wanted.items() if _is_loaded(name, names)]


def _is_loaded(module: str, names: Sequence[str]) -> bool:
    found = sys.modules.get(module)
    return found is not None and all(
        hasattr(found, name) or f"{module}.{name}" in sys.modules for name in names
    )
