"""How the `azureml` of `toolkit/dropin` comes to a job: a read-only mount and a variable."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.plans.emulation import HOME
from toolkit.plans.model import Mount

FOLDER: Final = HOME / "dropin"
VARIABLE: Final = "AML_EMU_DROPIN"
"""Names a folder that a job's Python puts at the end of its path, behind what is installed."""


def dropin_source() -> Path:
    """The folder that holds `azureml/`, in a checkout or an installed wheel."""
    return Path(__file__).resolve().parent.parent / "dropin"


def dropin_mount(target: PurePosixPath = FOLDER) -> Mount:
    """Mounted, so that no image depends on it."""
    return Mount(source=dropin_source(), target=target, read_only=True)
