"""Which process looks after a run, and whether it still does. Pids are used again."""

# ruff: noqa: PLC0415  # listing finished runs needs none of it

from __future__ import annotations

import os
from typing import Final

from toolkit.workspace.model import Owner

# the kernel counts from boot, and the boot time that psutil adds moves with the clock
_TOLERANCE: Final = 2.0


def this_process() -> Owner:
    """The owner of the runs that this process starts."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> Owner:
    """The owner that a running process is, e.g. a keeper that was just started."""
    import psutil  # 10 ms, and listing finished runs needs none of it

    return Owner(pid=pid, started=psutil.Process(pid).create_time(), host=_host())


def is_gone(owner: Owner) -> bool:
    """Whether the process ended. Of another host's processes nothing is known: not gone."""
    import psutil

    if owner.host != _host():
        return False
    try:
        process = psutil.Process(owner.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - owner.started) > _TOLERANCE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _host() -> str:
    import platform  # see above

    return platform.node()
