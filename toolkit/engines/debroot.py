"""From .deb files to one tar with their files, owners and modes, without being root."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from toolkit.engines.command import run
from toolkit.errors import EngineUnavailable

# Since Debian 12 and Ubuntu 22.10 these exist in / as links into /usr only. dpkg is not told so,
# therefore packages still name them as folders.
_MERGED: Final = re.compile(r"bin|sbin|lib(?:32|64|x32|o32)?")
_ALWAYS_MERGED: Final = ("bin", "lib", "sbin")
_UNWANTED: Final = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/")

# dpkg-deb writes the tar to stdout only, and `run` hands back text.
_UNPACK: Final = 'exec dpkg-deb --fsys-tarfile "$1" >"$2"'


def write_root_tar(debs: Sequence[Path], into: Path, *, environ: Mapping[str, str]) -> None:
    """Write the files of all `debs` to `into`; the same debs give the same bytes."""
    seen: set[str] = set()
    with (
        TemporaryDirectory(dir=into.parent) as scratch,
        tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as root,
    ):
        for name in _ALWAYS_MERGED:
            _add_link(root, name, seen)
        for deb in sorted(debs, key=lambda path: path.name):
            files = Path(scratch) / "files.tar"
            _unpack(deb, files, environ=environ)
            with tarfile.open(files) as archive:
                _copy(archive, root, seen)


def merged(path: str) -> str:
    """Where a package's path really is, as seen from / and without a leading slash."""
    parts = PurePosixPath("/", path).parts[1:]
    if parts and _MERGED.fullmatch(parts[0]):
        parts = ("usr", *parts)
    return "/".join(parts)


def _unpack(deb: Path, into: Path, *, environ: Mapping[str, str]) -> None:
    outcome = run(("sh", "-c", _UNPACK, "sh", str(deb), str(into)), environ=environ)
    if outcome.exit_code != 0:
        raise EngineUnavailable(f"cannot unpack package: {deb.name}", details=outcome.errors)


def _copy(archive: tarfile.TarFile, root: tarfile.TarFile, seen: set[str]) -> None:
    for member in _wanted(archive):
        top, _, below = member.name.removeprefix("./").partition("/")
        if _MERGED.fullmatch(top):
            _add_link(root, top, seen)
            if not below:
                continue
        member.name = merged(member.name)
        if member.islnk():
            member.linkname = merged(member.linkname)
        if not member.name or member.name in seen:
            continue
        seen.add(member.name)
        member.uname = member.gname = ""  # numbers count: the image has its own names
        root.addfile(member, archive.extractfile(member) if member.isreg() else None)


def _wanted(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        if not merged(member.name).startswith(_UNWANTED):
            yield member


def _add_link(root: tarfile.TarFile, name: str, seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    target = tarfile.TarInfo(f"usr/{name}")
    target.type, target.mode = tarfile.DIRTYPE, 0o755
    if target.name not in seen:
        seen.add(target.name)
        root.addfile(target)
    link = tarfile.TarInfo(name)
    link.type, link.linkname, link.mode = tarfile.SYMTYPE, f"usr/{name}", 0o777
    root.addfile(link)
