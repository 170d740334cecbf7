"""The tree of processes below this one: adopted when its parents die, and ended as a whole."""

from __future__ import annotations

import os
import signal
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 5.0  # a process that the kernel does not let go of is not waited for


def adopt_orphans() -> None:
    """Whatever loses its parent below this process becomes its child, not that of the system."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed by the kernel when the parent ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def exit_code(status: int) -> int:
    """As a shell counts: the code, or 128 and the signal."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def kill_descendants() -> None:
    """Kill everything below this process, until nothing is left; needs `adopt_orphans` before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        below = descendants(os.getpid())
        if not below:
            return
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # it ended by itself, or became somebody else's
        reap()
        time.sleep(0.002)


def reap() -> dict[int, int]:
    """The children that have ended, and their wait statuses."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def descendants(root: int) -> list[int]:
    """Every process below `root`."""
    children: dict[int, list[int]] = {}
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit() and (parent := _parent(entry.path)):
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    level = [root]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return found


def _parent(process: str) -> int:
    """The parent of the process with this folder in `/proc`; 0 if it has gone."""
    try:
        file = os.open(f"{process}/stat", os.O_RDONLY)
    except OSError:
        return 0
    try:
        # the name in parentheses may hold anything, a parenthesis too
        fields = os.read(file, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return 0
    finally:
        os.close(file)
    return int(fields[1]) if fields else 0


def _prctl(option: int, value: int) -> None:
    import ctypes  # noqa: PLC0415  # 8 ms of a start, and most launches do without

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
