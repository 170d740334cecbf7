"""How much room a folder takes."""

from __future__ import annotations

import os
from pathlib import Path


def room_of(folder: Path) -> int:
    """The bytes that deleting it frees: files that are linked from elsewhere do not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(f"{place}/{name}")
            except FileNotFoundError:
                continue  # somebody else is deleting
            total += found.st_size if found.st_nlink == 1 else 0
    return total
