"""Room that a run keeps on the disk until its end: a full disk must not hide how it ended."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from toolkit.errors import EmuError
from toolkit.workspace.database import WorkspaceUnusable

FULL: Final = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_KEPT: Final = ".room"
_PROBE: Final = ".probe"
_SIZE: Final = 512 << 10  # the last lines of the logs, and what the database writes
_BLOCK: Final = 64 << 10


def keep_room(run: Path) -> None:
    """Raises OSError if there is not even that much."""
    (run / _KEPT).write_bytes(bytes(_SIZE))


def give_back_room(run: Path) -> None:
    (run / _KEPT).unlink(missing_ok=True)


def is_full(run: Path) -> bool:
    """Whether what is written in that folder now would be lost."""
    probe = run / _PROBE
    try:
        probe.write_bytes(bytes(_BLOCK))
    except OSError as error:
        return error.errno in FULL
    finally:
        probe.unlink(missing_ok=True)
    return False


def full_disk(state_folder: Path) -> EmuError:
    return WorkspaceUnusable(
        f"the disk is full, free some space for {state_folder}",
        hint="delete what is of no more use with `aml-emu runs delete` and `aml-emu prune`",
    )
