"""The logs of a run, by their real names, read while it runs or afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from toolkit.errors import NotFound
from toolkit.specs.yamlfile import nearest
from toolkit.workspace.workspace import Workspace

FOLDERS: Final = ("user_logs", "azureml-logs", "system_logs", "logs")
_LOOK_SECONDS: Final = 0.05
_BLOCK: Final = 1 << 18


def logs_of(folder: Path) -> list[str]:
    """Those that have something in them, the most interesting last, as the service sorts them."""
    return [
        path.relative_to(folder).as_posix()
        for part in reversed(FOLDERS)
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and path.stat().st_size
    ]


def main_log(folder: Path) -> str | None:
    """The job's own log; before it has one, that of its preparation."""
    names = logs_of(folder)
    for beginning in ("user_logs/std_log", "azureml-logs/70_", "azureml-logs/"):
        if found := [name for name in names if name.startswith(beginning)]:
            return found[0] if beginning != "azureml-logs/" else found[-1]
    return None


def follow_log(
    workspace: Workspace, run: str, name: str | None, *, follow: bool
) -> Iterator[bytes]:
    """A log's content; with `follow` until the run has ended, going on to the job's own log."""
    folder = workspace.folder_of(run)
    while True:
        over = not follow or workspace.runs.get(run).is_terminal
        chosen = name or main_log(folder)
        if chosen is not None:
            path = _existing(folder, chosen)
            yield from _followed(workspace, run, path, follow=follow, moves_on=name is None)
            if over or name is not None or main_log(folder) == chosen:
                return
        elif over:
            return
        time.sleep(_LOOK_SECONDS)


def _followed(
    workspace: Workspace, run: str, path: Path, *, follow: bool, moves_on: bool
) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as log:
        while True:
            over = not follow or workspace.runs.get(run).is_terminal
            if chunk := log.read(_BLOCK):
                yield chunk
                continue
            if over or (moves_on and _moved_on(workspace.folder_of(run), path)):
                return
            time.sleep(_LOOK_SECONDS)


def _moved_on(folder: Path, path: Path) -> bool:
    """Whether another log has taken its place: the job has begun, preparing it is over."""
    chosen = main_log(folder)
    return chosen is not None and folder / chosen != path


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise NotFound(f"the run has no such log: {name}", hint=_hint(name, logs_of(folder)))
    return path


def _hint(name: str, names: Sequence[str]) -> str:
    return nearest(name, names) if names else "it has none yet"
