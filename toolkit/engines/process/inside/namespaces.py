"""Linux namespaces by system calls: what bubblewrap does, where bubblewrap is not installed."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:  # known to type checkers by its name; importing typing would take 3 ms
    from typing import Any

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2

# What a mount must keep when it is made read-only: statvfs's flags, and mount's for the same.
KEPT = {2: MS_NOSUID, 4: MS_NODEV, 8: MS_NOEXEC, 1024: 1024, 2048: 2048, 4096: 1 << 21}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def enter(place: dict[str, Any], *, only_inside: tuple[int, ...] = ()) -> None:
    """Go on as the first process of new namespaces, whose `/` is `place["root"]`.

    The process that called stays outside, waits, and ends as the one inside does; files that are
    `only_inside` are closed in it.
    """
    _unshare()
    processes.die_with_parent()
    pid = os.fork()
    if pid:
        for file in only_inside:
            os.close(file)
        _, status = os.waitpid(pid, 0)
        os._exit(processes.exit_code(status))
    processes.die_with_parent()
    _mount(None, "/", flags=MS_REC | MS_PRIVATE)
    root = Path(place["root"])
    _mount(root, root, flags=MS_BIND | MS_REC)
    for source, target, read_only in place["binds"]:
        _bind(source, root / target.lstrip("/"), read_only=read_only)
    proc = root / "proc"
    proc.mkdir(exist_ok=True)
    _mount("proc", proc, kind="proc", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _devices(root / "dev")
    _become_root(root)
    _call("sethostname", place["hostname"].encode(), len(place["hostname"].encode()))


def _unshare() -> None:
    """New namespaces; one of users too, unless this process may do without."""
    wanted = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
    try:
        _call("unshare", wanted)
    except PermissionError:
        uid, gid = os.getuid(), os.getgid()
        _call("unshare", wanted | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1\n", "ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1\n", "ascii")


def _bind(source: str, target: Path, *, read_only: bool) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            target.mkdir(exist_ok=True)  # another launch of the same root may be as far
        else:
            target.touch()
    _mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        kept = sum(flag for have, flag in KEPT.items() if os.statvfs(target).f_flag & have)
        _mount(None, target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def _devices(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    _mount("tmpfs", folder, kind="tmpfs", flags=MS_NOSUID, data="mode=755")
    for name in DEVICES:
        (folder / name).touch()
        _mount(f"/dev/{name}", folder / name, flags=MS_BIND)
    (folder / "shm").mkdir()
    _mount("tmpfs", folder / "shm", kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=1777")
    (folder / "fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (folder / name).symlink_to(f"/proc/self/fd/{number}")
    (folder / "pts").mkdir()
    try:
        _mount("devpts", folder / "pts", kind="devpts", data="newinstance,ptmxmode=0666,mode=620")
    except OSError:
        return  # no terminals inside: a kernel that forbids them to unprivileged users
    (folder / "ptmx").symlink_to("pts/ptmx")


def _become_root(folder: Path) -> None:
    os.chdir(folder)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def _mount(
    source: object | None, target: object, *, kind: str = "", flags: int = 0, data: str = ""
) -> None:
    def text(value: object) -> bytes | None:
        return os.fsencode(str(value)) if value else None

    _call("mount", text(source), text(target), text(kind), flags, text(data), name=str(target))


def _call(function: str, *arguments: object, name: str = "") -> None:
    """A function of the C library; raises OSError as Python's own would."""
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}", name or None)


def main(root: str) -> None:
    """Try it, in an empty folder."""
    try:
        enter({"root": root, "binds": [], "hostname": "probe"})
    except OSError as refused:
        sys.stderr.write(f"{refused.strerror}\n")
        os._exit(1)
    os._exit(0)
