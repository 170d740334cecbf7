"""Imports modules in a process that may be thrown away, and says which a forking master can hold.

Run by path with a JSON object on standard input, so it imports nothing of ours. It stops at the
first module that is unsafe, since everything after that would be measured in a spoilt process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any, Dict, List, Optional, Sequence


def main() -> None:
    os.nice(5)  # whoever waits for an answer goes first
    order = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(order["folder"])
    sys.path[:] = order["path"]
    for module, names in order["modules"].items():
        tell(report, {"trying": module})
        reason = unsafe(module, names, tuple(order["user_folders"]))
        tell(report, {"module": module, "reason": reason})
        if reason is not None:
            os._exit(0)  # threads that the import started must not keep us
    report.flush()
    os._exit(0)


def tell(report: Any, verdict: Dict[str, Any]) -> None:
    report.write(json.dumps(verdict) + "\n")
    report.flush()


def unsafe(module: str, names: Sequence[str], user_folders: "tuple[str, ...]") -> Optional[str]:
    """Why a process that holds this module should not be forked; None when it may be."""
    python_threads, native_threads = threading.active_count(), len(tasks())
    try:
        bring(module, names)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the master shall not have it
        return f"does not import: {type(error).__name__}: {error}"
    if threading.active_count() > python_threads:
        started = [thread.name for thread in threading.enumerate()][python_threads:]
        return f"starts threads when it is imported: {', '.join(started)}"
    if holds_gpu():
        return "opens the GPU when it is imported"
    theirs = [name for name, each in list(sys.modules.items()) if is_under(each, user_folders)]
    if theirs:
        return f"imports your own code: {', '.join(sorted(theirs))}"
    if len(tasks()) > native_threads and not gives_way_to_fork():
        return "starts native threads that do not survive a fork"
    return None


def bring(module: str, names: Sequence[str]) -> None:
    """What `from module import names` loads."""
    found = importlib.import_module(module)
    for name in names:
        if not hasattr(found, name) and hasattr(found, "__path__"):
            try:
                importlib.import_module(f"{module}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{module}.{name}":
                    raise


def tasks() -> List[str]:
    return os.listdir("/proc/self/task")


def holds_gpu() -> bool:
    return any(path.startswith("/dev/nvidia") for path in open_files())


def gives_way_to_fork() -> bool:
    """Whether the library ends its threads before a fork, as OpenBLAS does in pthread_atfork.

    A thread that is still there right after the fork was not told of it: its twin is missing in
    the child together with whatever lock it held.
    """
    child = os.fork()
    if child == 0:
        os._exit(0)
    after = len(tasks())
    os.waitpid(child, 0)
    return after == threading.active_count()


def open_files() -> List[str]:
    paths = []
    for number in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue  # the folder's own descriptor, closed by now
    return paths


def is_under(module: Any, folders: "tuple[str, ...]") -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and path.startswith(folders) and "-packages" + os.sep not in path


if __name__ == "__main__":
    main()
