"""The user's launch.json as the commands meet it: one that cannot be changed ends nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolkit.cli import console
from toolkit.dev.debug import DebugSession
from toolkit.errors import SpecError


def written(write: Callable[[], Path]) -> Path | None:
    """The file that `write` writes; None, and said why, where it cannot be changed.

    By then the image is built and the code runs: it can be attached to without the file.
    """
    try:
        return write()
    except SpecError as problem:
        console.warn(f"no launch configuration was written: {problem.message}")
        console.traceback(problem.details)
        console.warn(f"{problem.hint}, or attach by hand")
        return None


def tell_where(session: DebugSession, path: Path | None, local: Path, remote: object) -> None:
    """With the entry of launch.json, if there is one, and for any other client."""
    where = f"{session.address.host}:{session.address.port}, {local} -> {remote}"
    if path is None:
        console.fact("attach", f"any DAP client: {where}")
        return
    console.fact("attach", f"F5 in VS Code, `{session.title}` (in {path})")
    console.fact("", f"or any DAP client: {where}")
