"""Packages for a running container: fetched by this machine's uv, packed as it has them."""

from __future__ import annotations

import io
import re
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Final

import uv

from toolkit.engines import command
from toolkit.engines.lock import UV_PLATFORMS, Run
from toolkit.engines.trust import HostTrust
from toolkit.errors import BuildFailed

_IN_MEMORY: Final = 32 << 20  # a larger archive goes to the disk


def fetch(
    lines: Sequence[str],
    *,
    into: Path,
    python: str,
    platform: str,
    trust: HostTrust,
    environ: Mapping[str, str],
    run: Run = command.run,
) -> None:
    """Unpack the wheels of exact versions for another platform.

    Raises BuildFailed for what no index has, and for a package without a wheel for the platform.
    """
    argv = [
        uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
        "--index-strategy", "unsafe-best-match",
        "--python", sys.executable, "--python-version", python,
        "--python-platform", UV_PLATFORMS[platform],
        "--target", str(into), "--requirement", "-",
    ]  # fmt: skip
    outcome = run(
        argv,
        environ={**environ, **trust.for_uv()},
        cwd=into,
        stdin="\n".join((*trust.options, *lines)) + "\n",
    )
    if outcome.exit_code:
        raise BuildFailed(
            "the packages could not be fetched for the running service",
            details=outcome.errors.strip(),
        )


def packed(folder: Path, *, prefix: PurePosixPath, packages: PurePosixPath) -> IO[bytes]:
    """The fetched files as a tar for `/`: packages in `packages`, scripts in `prefix`'s `bin`.

    All files are as old as the archive, so that no bytecode of an earlier version fits them.
    """
    stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # the caller's
    now = int(time.time())
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in sorted(_files(folder)):
            relative = PurePosixPath(path.relative_to(folder).as_posix())
            is_script = relative.parts[0] == "bin"
            target = (prefix if is_script else packages) / relative
            content = _content(path, relative, prefix) if _is_small_text(relative) else None
            entry = tarfile.TarInfo(str(target).lstrip("/"))
            entry.mtime, entry.mode = now, 0o755 if path.stat().st_mode & 0o100 else 0o644
            entry.size = path.stat().st_size if content is None else len(content)
            with io.BytesIO(content) if content is not None else path.open("rb") as file:
                tar.addfile(entry, file)
    stream.seek(0)
    return stream


def _files(folder: Path) -> Iterator[Path]:
    """All but uv's own lock in the folder."""
    return (path for path in folder.rglob("*") if path.is_file() and path != folder / ".lock")


def _is_small_text(relative: PurePosixPath) -> bool:
    """Whether it is a file that names other places: a script, or a list of files."""
    in_bin = len(relative.parts) == 2 and relative.parts[0] == "bin"  # noqa: PLR2004  # `bin/uv`
    return in_bin or (relative.name == "RECORD" and relative.parent.suffix == ".dist-info")


def _content(path: Path, relative: PurePosixPath, prefix: PurePosixPath) -> bytes:
    """Scripts start the container's Python, and RECORD says where they are from the packages."""
    content = path.read_bytes()
    if relative.name == "RECORD":
        return re.sub(rb"(?m)^bin/", b"../../../bin/", content)
    return re.sub(rb"\A#!.*", f"#!{prefix / 'bin/python'}".encode(), content, count=1)
