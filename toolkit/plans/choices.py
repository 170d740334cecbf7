"""What a command line can choose of a plan: names only, so that reading them takes no time."""

from __future__ import annotations

from typing import Literal

ImageKind = Literal["inference", "training"]
ReloadMode = Literal["restart", "fork", "swap"]
CondaMode = Literal["auto", "base", "rattler", "pip-only"]
BaseSource = Literal["auto", "registry", "debian"]
