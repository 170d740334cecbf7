"""Operating system and processor of an image, as Docker spells them: `linux/arm64`."""

from __future__ import annotations

from typing import Final

from toolkit.errors import SpecError

PLATFORMS: Final = ("linux/amd64", "linux/arm64")
_OTHER_NAMES: Final = {
    "amd64": "linux/amd64",
    "x86_64": "linux/amd64",
    "linux/x86_64": "linux/amd64",
    "arm64": "linux/arm64",
    "aarch64": "linux/arm64",
    "linux/aarch64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
}


def read_platform(text: str) -> str:
    """The one that is meant; raises SpecError for what packages are not made for."""
    platform = _OTHER_NAMES.get(text.lower(), text.lower())
    if platform not in PLATFORMS:
        known = ", ".join(f"`{name}`" for name in PLATFORMS)
        raise SpecError(f"--platform: unknown platform: {text}", hint=f"valid: {known}")
    return platform


def machine_platform(machine: str) -> str:
    """The Linux platform of a machine that `uname -m` calls by that name."""
    return _OTHER_NAMES.get(machine.lower(), f"linux/{machine}")
