"""A conda channel of two tiny packages on the disk: a Python that is a venv, and a data file."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

# Debian's own Python seen as a virtual environment: enough for uv to install into.
PYVENV = b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n"


def make_channel(folder: Path) -> Path:
    """`linux-64` and `noarch` with an index each."""
    python = package(
        folder / "linux-64",
        name="python",
        version="3.11.2",
        subdir="linux-64",
        files={"pyvenv.cfg": PYVENV, "lib/python3.11/site-packages/README.txt": b"packages\n"},
        links={"bin/python": "/usr/bin/python3", "bin/python3": "python"},
    )
    data = package(
        folder / "noarch",
        name="tiny-data",
        version="1.2.3",
        subdir="noarch",
        files={"share/tiny-data/hello.txt": b"hello\n"},
        links={},
    )
    pip = package(
        folder / "noarch",
        name="pip",
        version="23.0",
        subdir="noarch",
        files={"share/pip/empty.txt": b""},
        links={},
    )
    index(folder / "linux-64", python)
    index(folder / "noarch", data | pip)
    return folder


def package(
    folder: Path,
    *,
    name: str,
    version: str,
    subdir: str,
    files: dict[str, bytes],
    links: dict[str, str],
) -> dict[str, dict[str, Any]]:
    """Write `<name>-<version>-0.tar.bz2`; its entry for the index."""
    about = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": subdir,
        "arch": None if subdir == "noarch" else "x86_64",
        "platform": None if subdir == "noarch" else "linux",
        "timestamp": 1_600_000_000_000,
    }
    if subdir == "noarch":
        about["noarch"] = "generic"
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, content in files.items()
    ]
    paths += [{"_path": path, "path_type": "softlink"} for path in links]
    listed = "\n".join([*files, *links]) + "\n"
    described = {
        "info/index.json": json.dumps(about).encode(),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
        "info/files": listed.encode(),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in (described | files).items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    compressed = bz2.compress(archive.getvalue())
    folder.mkdir(parents=True, exist_ok=True)
    filename = f"{name}-{version}-0.tar.bz2"
    (folder / filename).write_bytes(compressed)
    digests = {
        "md5": hashlib.md5(compressed).hexdigest(),
        "sha256": hashlib.sha256(compressed).hexdigest(),
        "size": len(compressed),
    }
    return {filename: about | digests}


def index(folder: Path, packages: dict[str, dict[str, Any]]) -> None:
    described = {
        "info": {"subdir": folder.name},
        "packages": packages,
        "packages.conda": {},
        "repodata_version": 1,
    }
    (folder / "repodata.json").write_text(json.dumps(described))
