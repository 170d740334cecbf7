"""What the inside of a launch looks like: folders, files, variables, the command. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.engines.process.images import ProcessImage
from toolkit.plans.model import LaunchPlan, PlacedFile

PROGRAMS: Final = PurePosixPath("/.aml-emu")  # the first process and its like
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOPBACK: Final = "127.0.0.1"

# The host's own system, seen read-only. Everything else at the root is the launch's own.
_HOST_FOLDERS: Final = (
    *("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "sys", "nix", "gnu"),
)
_USUAL_FOLDERS: Final = ("/tmp", "/var/tmp", "/run", "/mnt", "/root", "/opt", "/srv")  # noqa: S108  # paths inside


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A file or folder of the host and where it is seen inside."""

    source: Path
    target: PurePosixPath
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Interior:
    """Paths are those that the plan speaks of, whatever stands for them on the host."""

    binds: tuple[Bind, ...]
    files: tuple[PlacedFile, ...]
    folders: tuple[PurePosixPath, ...]
    links: Mapping[PurePosixPath, PurePosixPath]
    env: Mapping[str, str]
    argv: tuple[str, ...]
    working_dir: PurePosixPath


def interior(
    plan: LaunchPlan, image: ProcessImage, *, volumes: Path, ports: Mapping[int, int]
) -> Interior:
    """The plan in its image, listening on these ports of the host (by container port)."""
    contents = image.contents
    env = _environment(plan, image, ports)
    binds = (
        Bind(source=image.environment, target=contents.prefix),
        Bind(source=image.debugger, target=contents.debugpy),
        *(
            Bind(source=mount.source, target=mount.target, read_only=mount.read_only)
            for mount in plan.mounts
        ),
        *(
            Bind(source=volumes / cache.name, target=cache.target, read_only=False)
            for cache in plan.caches
        ),
    )
    return Interior(
        binds=tuple(sorted(binds, key=lambda bind: len(bind.target.parts))),
        files=(*contents.files, *plan.files),
        folders=tuple(_folders(plan, image, home=PurePosixPath(env["HOME"]))),
        links=contents.links,
        env=env,
        argv=plan.command or contents.command,
        working_dir=plan.working_dir or contents.working_dir,
    )


def host_system(image: ProcessImage) -> Iterator[Bind]:
    """What a sandbox needs of the host beside the plan's own: programs, libraries, a Python."""
    for name in _HOST_FOLDERS:
        folder = Path("/", name)
        if folder.is_dir() and not folder.is_symlink():
            yield Bind(source=folder, target=PurePosixPath(folder))
    resolver = Path("/etc/resolv.conf").resolve()
    for path in (*image.python, resolver):
        if path.exists() and path.parts[1] not in _HOST_FOLDERS:
            yield Bind(source=path, target=PurePosixPath(path))


def host_links() -> Iterator[tuple[PurePosixPath, Path]]:
    """`/bin -> usr/bin` and the like, where the host has merged them."""
    for name in _HOST_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            yield PurePosixPath(folder), folder.readlink()


def _environment(plan: LaunchPlan, image: ProcessImage, ports: Mapping[int, int]) -> dict[str, str]:
    contents = image.contents
    base = {"PATH": f"{PATH}:{PROGRAMS / 'bin'}", "LANG": "C.UTF-8", "HOME": "/root"}
    base["HOSTNAME"] = hostname(plan)
    for name, first in contents.paths_first.items():
        base[name] = f"{first}:{base[name]}" if name in base else str(first)
    listening = {
        variable: str(ports[port])
        for port, variable in plan.port_variables.items()
        if port in ports
    }
    if plan.interface_variable:
        listening[plan.interface_variable] = LOOPBACK
    return {**base, **contents.env, **plan.env, **listening}


def _folders(
    plan: LaunchPlan, image: ProcessImage, *, home: PurePosixPath
) -> Iterator[PurePosixPath]:
    """Folders that anybody inside may write to."""
    yield from map(PurePosixPath, _USUAL_FOLDERS)
    yield from (*image.contents.folders, *plan.folders)
    for file in (*image.contents.files, *plan.files):
        if file.path.parent != PurePosixPath("/"):
            yield file.path.parent
    if home.is_absolute():
        yield home


def hostname(plan: LaunchPlan) -> str:
    return plan.name[:63]
