"""From packages, a registry or a tar to our own base image; reads files, runs nothing."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit import resources
from toolkit.errors import SpecError
from toolkit.plans.emulation import LABEL_BASE
from toolkit.plans.model import ImagePlan, PlacedFile

NAME: Final = "base"
REGISTRY_IMAGE: Final = "debian:bookworm-slim"  # as in dockerfiles/base/Dockerfile
NO_IMAGE: Final = "scratch"

_FOLDER: Final = "base"
_FROM_REGISTRY: Final = ("apt.conf", "dpkg.cfg", "finish.sh", "packages.txt")
_FROM_PACKAGES: Final = ("apt.conf", "dpkg.cfg", "finish.sh", "install.sh", "policy-rc.d")
_FROM_TAR: Final = ("finish.sh",)
_EXECUTABLE: Final = frozenset({"policy-rc.d"})


@dataclass(frozen=True, kw_only=True)
class DebianPackages:
    """The packages of a base image as files on the host.

    `root` is a tar of the essential packages' files, enough to run a shell and dpkg in.
    `sources` is what the image's own apt will use, in deb822 form, without credentials.
    """

    essential: tuple[Path, ...]
    others: tuple[Path, ...]
    root: Path
    release: str
    sources: str


def read_package_list(text: str) -> tuple[str, ...]:
    """The names in a list of one package a line, where `#` starts a comment."""
    names = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(name for name in names if name)


def base_packages() -> tuple[str, ...]:
    """The packages that every base image of ours contains, however it is made."""
    return read_package_list((_folder() / "packages.txt").read_text(encoding="utf-8"))


def plan_base_from_registry() -> ImagePlan:
    """Our base on top of a small public image."""
    return _plan("Dockerfile", base=REGISTRY_IMAGE, context=_sources(_FROM_REGISTRY))


def plan_base_from_debian(packages: DebianPackages) -> ImagePlan:
    """Our base from Debian's or Ubuntu's packages alone; its build needs no network."""
    debs = (
        *(_placed("essential", deb) for deb in packages.essential),
        *(_placed("others", deb) for deb in packages.others),
    )
    generated = (
        PlacedFile(path=PurePosixPath("root.tar"), content=packages.root),
        PlacedFile(
            path=PurePosixPath("sources/aml-emu.sources"), content=packages.sources.encode()
        ),
    )
    return _plan(
        "debian.Dockerfile",
        base=NO_IMAGE,
        context=(*_sources(_FROM_PACKAGES), *generated, *debs),
    )


def plan_base_from_tar(path: Path) -> ImagePlan:
    """Our base from a root file system that somebody else made."""
    _check_root_tar(path)
    root = PlacedFile(path=PurePosixPath("root.tar"), content=path)
    return _plan("tar.Dockerfile", base=NO_IMAGE, context=(*_sources(_FROM_TAR), root))


def _plan(dockerfile: str, *, base: str, context: tuple[PlacedFile, ...]) -> ImagePlan:
    plan = ImagePlan(
        name=NAME,
        base=base,
        dockerfile=(_folder() / dockerfile).read_text(encoding="utf-8"),
        context=tuple(sorted(context, key=lambda file: file.path)),
    )
    return replace(plan, labels={LABEL_BASE: plan.inputs(base)})


def _folder() -> Path:
    return resources.dockerfiles() / _FOLDER


def _sources(names: tuple[str, ...]) -> tuple[PlacedFile, ...]:
    return tuple(
        PlacedFile(
            path=PurePosixPath(name),
            content=(_folder() / name).read_bytes(),
            mode=0o755 if name in _EXECUTABLE else 0o644,
        )
        for name in names
    )


def _placed(folder: str, deb: Path) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(folder) / deb.name, content=deb)


def _check_root_tar(path: Path) -> None:
    if not path.is_file():
        raise SpecError(f"no such file: {path}")
    # The builder unpacks what tarfile can open (plain, gzip, bzip2, xz) and silently copies the
    # rest as it is, zstd too, so that the first command of the build would miss its shell.
    if not tarfile.is_tarfile(path):
        raise SpecError(
            f"not a tar the image builder can unpack: {path}",
            hint="give a root file system as `.tar`, `.tar.gz`, `.tar.bz2` or `.tar.xz`",
        )
