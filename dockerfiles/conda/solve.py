"""Runs while an image is built: a list of conda packages into a prefix, by py-rattler.

    python solve.py PREFIX LIST CACHE [CHANNEL ...]

Its result is the prefix: py-rattler may abort while Python ends (seen with 0.28), so the process
leaves without unwinding, and the build looks whether the prefix has a Python.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import rattler

DEFAULTS = "https://repo.anaconda.com/pkgs/main"  # what conda calls `defaults`


async def create(prefix: Path, specs: list[str], cache: Path, channels: list[str]) -> int:
    """The number of packages that were installed."""
    gateway = rattler.Gateway(cache_dir=cache / "repodata")
    records = await rattler.solve(
        sources=[DEFAULTS if name == "defaults" else name for name in channels or ["defaults"]],
        specs=specs,
        gateway=gateway,
        platforms=[str(rattler.Subdir.current()), "noarch"],
        virtual_packages=rattler.VirtualPackage.detect(),
    )
    await rattler.install(
        records, target_prefix=prefix, cache_dir=cache / "pkgs", show_progress=False
    )
    return len(records)


def main(arguments: list[str]) -> int:
    prefix, listed, cache, *channels = arguments
    specs = [line for line in Path(listed).read_text("utf-8").splitlines() if line.strip()]
    try:
        installed = asyncio.run(create(Path(prefix), specs, Path(cache), channels))
    except Exception as error:  # noqa: BLE001  # the boundary: its types differ between releases
        sys.stderr.write(f"conda packages cannot be installed: {error}\n")
        return 1
    sys.stdout.write(f"{installed} conda packages installed\n")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
