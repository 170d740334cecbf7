"""One root from many packages: merged /usr, owners kept, the same bytes each time."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from toolkit.engines.debroot import merged, write_root_tar
from toolkit.errors import EngineUnavailable

# Stands for dpkg-deb: a "package" of these tests is the tar of its files, as it is.
DPKG_DEB = """\
#!/bin/sh
[ "$1" = --fsys-tarfile ] || { echo "unexpected: $*" >&2; exit 9; }
case "$2" in *broken*) echo "not a Debian archive" >&2; exit 2;; esac
exec cat "$2"
"""


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dpkg-deb").write_text(DPKG_DEB)
    (programs / "dpkg-deb").chmod(0o755)
    return {"PATH": f"{programs}:/usr/bin:/bin"}


def folder(name: str, *, mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def file(name: str, *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid, info.mtime = 4, mode, uid, gid, 1_700_000_000
    info.uname = "whoever-built-it"
    return info


def link(name: str, target: str, *, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def package(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(path.name[:4].encode()) if member.isreg() else None)
    return path


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        listed = tar.getmembers()
    names = [member.name for member in listed]
    assert len(names) == len(set(names)), "a path is there twice"
    return {member.name: member for member in listed}


@pytest.mark.parametrize(
    ("named", "real"),
    [
        ("./bin/sh", "usr/bin/sh"),
        ("./lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"),
        ("sbin", "usr/sbin"),
        ("./usr/bin/env", "usr/bin/env"),
        ("./etc/bin/x", "etc/bin/x"),
        ("./library/x", "library/x"),
        ("./", ""),
    ],
)
def test_paths_are_seen_through_the_links_of_the_merged_usr(named: str, real: str) -> None:
    assert merged(named) == real


def test_folders_of_the_old_layout_become_links(tmp_path: Path, environ: Mapping[str, str]) -> None:
    deb = package(tmp_path / "libc.deb", folder("./"), folder("./lib64"), file("./lib64/ld.so"))
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    root = members(tmp_path / "root.tar")
    for name in ("bin", "lib", "lib64", "sbin"):
        assert root[name].issym()
        assert root[name].linkname == f"usr/{name}"
        assert root[f"usr/{name}"].isdir()
    assert root["usr/lib64/ld.so"].isreg()
    assert "lib32" not in root


def test_package_that_brings_the_links_itself(tmp_path: Path, environ: Mapping[str, str]) -> None:
    deb = package(tmp_path / "base-files.deb", folder("./"), link("./lib64", "usr/lib64"))
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    root = members(tmp_path / "root.tar")
    assert root["lib64"].issym()
    assert root["usr/lib64"].isdir()


def test_links_stand_before_what_is_reached_through_them(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    deb = package(tmp_path / "dash.deb", file("./bin/dash"))
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    names = list(members(tmp_path / "root.tar"))
    assert names.index("usr/bin") < names.index("bin") < names.index("usr/bin/dash")


def test_owners_and_modes_stay_and_names_of_owners_go(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    deb = package(tmp_path / "passwd.deb", file("./usr/bin/chage", mode=0o2755, gid=42))
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    chage = members(tmp_path / "root.tar")["usr/bin/chage"]
    assert (chage.mode, chage.uid, chage.gid, chage.uname) == (0o2755, 0, 42, "")
    assert chage.mtime == 1_700_000_000


def test_hard_link_follows_its_target_into_usr(tmp_path: Path, environ: Mapping[str, str]) -> None:
    deb = package(
        tmp_path / "gzip.deb",
        file("./bin/gunzip"),
        link("./bin/un", "./bin/gunzip", kind=tarfile.LNKTYPE),
    )
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    hard = members(tmp_path / "root.tar")["usr/bin/un"]
    assert hard.islnk()
    assert hard.linkname == "usr/bin/gunzip"


def test_documentation_stays_out(tmp_path: Path, environ: Mapping[str, str]) -> None:
    deb = package(
        tmp_path / "bash.deb",
        file("./usr/share/doc/bash/NEWS"),
        file("./usr/share/locale/de/x.mo"),
        file("./usr/share/bash/kept"),
    )
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    root = members(tmp_path / "root.tar")
    assert "usr/share/bash/kept" in root
    assert not any("doc" in name or "locale" in name for name in root)


def test_first_package_wins_a_shared_path(tmp_path: Path, environ: Mapping[str, str]) -> None:
    debs = [
        package(tmp_path / "zzzz.deb", folder("./etc"), file("./etc/shared")),
        package(tmp_path / "aaaa.deb", folder("./etc"), file("./etc/shared")),
    ]
    write_root_tar(debs, tmp_path / "root.tar", environ=environ)
    with tarfile.open(tmp_path / "root.tar") as tar:
        shared = tar.extractfile("etc/shared")
        assert shared is not None
        assert shared.read() == b"aaaa"


def test_same_packages_in_another_order_give_the_same_bytes(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    debs = [package(tmp_path / f"{name}.deb", file(f"./etc/{name}")) for name in ("one1", "two2")]
    write_root_tar(debs, tmp_path / "first.tar", environ=environ)
    write_root_tar(debs[::-1], tmp_path / "second.tar", environ=environ)
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_nothing_is_left_beside_the_tar(tmp_path: Path, environ: Mapping[str, str]) -> None:
    deb = package(tmp_path / "dash.deb", file("./bin/dash"))
    before = {path.name for path in tmp_path.iterdir()}
    write_root_tar([deb], tmp_path / "root.tar", environ=environ)
    assert {path.name for path in tmp_path.iterdir()} - before == {"root.tar"}


def test_package_that_cannot_be_unpacked_is_named(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    with pytest.raises(EngineUnavailable, match=r"cannot unpack package: broken\.deb") as caught:
        write_root_tar([tmp_path / "broken.deb"], tmp_path / "root.tar", environ=environ)
    assert "not a Debian archive" in caught.value.details
