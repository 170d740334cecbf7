"""One launch configuration for all debugged steps of a pipeline: VS Code's `compounds`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolkit.dev.debug import DebugSession, write_launch_json
from toolkit.dev.launchjson import merge_file


def write_compound(title: str, sessions: Sequence[DebugSession], workspace: Path) -> Path:
    """Write or merge an entry for each session, and the compound that starts them all."""
    for session in sessions:
        path = write_launch_json(session, workspace)
    path = workspace / ".vscode" / "launch.json"
    merge_file(
        path,
        {"name": title, "configurations": [each.title for each in sessions], "stopAll": False},
        section="compounds",
        key="name",
        version="0.2.0",
    )
    return path
