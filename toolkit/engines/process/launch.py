"""Starting a launch: its name and ports claimed, its root written, its keeper started."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from toolkit.engines import ports
from toolkit.engines.process.cachefolder import UNFINISHED, locked, open_lock, remove, writing
from toolkit.engines.process.handle import ProcessHandle, short_path
from toolkit.engines.process.images import ProcessImage
from toolkit.engines.process.interior import PROGRAMS, Interior, hostname, interior
from toolkit.engines.process.records import (
    MARK,
    LaunchFolder,
    Record,
    boot_id,
    claim_lock,
    launches,
    new_id,
)
from toolkit.engines.process.root import (
    INSIDE,
    host_paths,
    own_program,
    write_links,
    write_plain_links,
    write_root,
)
from toolkit.engines.process.sandbox import Sandbox, inner_launch, outer_argv, python_inside
from toolkit.errors import EngineUnavailable, NameTaken, PortTaken
from toolkit.plans.model import LaunchPlan

PREFIX: Final = "aml-emu-"
_START_SECONDS: Final = 60.0
_NO_FILE: Final = -1
_LONGEST_SOCKET_PATH: Final = 107
_LONGEST_BELOW: Final = len("/run/aml-emu/agent.sock")  # the sockets that programs make inside


def launch(
    plan: LaunchPlan, image: ProcessImage, sandbox: Sandbox, *, cache: Path
) -> ProcessHandle:
    """Start the plan; returns when its command runs.

    Raises NameTaken, PortTaken, and EngineUnavailable for what cannot be started.
    """
    refuse(plan, sandbox, cache)
    with writing(cache):
        folder, record, inside, lock = _claim(plan, image, sandbox, cache)
        held, leash = os.pipe() if plan.leashed else (None, None)
        handle = ProcessHandle(folder, record, leash=leash)
        try:
            try:
                _lay_out(inside, folder, sandbox, image)
                _start(folder, record, lock, held)
            finally:
                os.close(lock)  # from here on the keeper holds it, or nobody
                if held is not None:
                    os.close(held)
        except BaseException:  # Ctrl-C too: nothing is left behind
            handle.stop(grace=0)
            raise
        return handle


def refuse(plan: LaunchPlan, sandbox: Sandbox, cache: Path) -> None:
    """Raises EngineUnavailable for what this plan asks and nobody here can give."""
    for mount in plan.mounts:
        if not mount.source.exists():
            raise EngineUnavailable(f"nothing to mount: {mount.source}")
    for port in plan.ports:
        if port.container not in plan.port_variables and port.host not in {None, port.container}:
            raise EngineUnavailable(
                f"port {port.container} cannot be published as another one: {port.host}",
                hint="the network is this machine's: use that port, or `--engine docker`",
            )
    root = cache / "run" / plan.name / "root"
    if sandbox.rung == "plain" and len(str(root)) + _LONGEST_BELOW > _LONGEST_SOCKET_PATH:
        raise EngineUnavailable(
            f"the cache folder's path is too long for the sockets in it: {cache}",
            hint="set XDG_CACHE_HOME to a shorter one",
        )


def _claim(
    plan: LaunchPlan, image: ProcessImage, sandbox: Sandbox, cache: Path
) -> tuple[LaunchFolder, Record, Interior, int]:
    """The launch's folder, under its name and with its lock held; one command at a time claims."""
    shelf = cache / "run"
    shelf.mkdir(parents=True, exist_ok=True)
    folder = LaunchFolder(shelf / quote(plan.name, safe=""))
    with locked(claim_lock(shelf)):
        others = list(launches(shelf))
        if folder.path.exists():
            raise NameTaken(
                f"a launch named `{PREFIX}{plan.name}` exists already",
                hint=f"run `aml-emu stop {plan.name}`, or pass another `--name`",
            )
        claimed = _ports(plan, [record for other, record in others if other.is_alive])
        inside = interior(plan, image, volumes=cache / "volumes", ports=claimed)
        record = _record(plan, image, sandbox, inside, claimed, folder)
        scratch = LaunchFolder(shelf / f"{UNFINISHED}{record.id[:8]}")
        scratch.path.mkdir(mode=0o700)
        lock = open_lock(scratch.lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            scratch.write(record)
            scratch.path.rename(folder.path)
        except BaseException:
            os.close(lock)
            remove(scratch.path)
            raise
    return folder, record, inside, lock


def _record(
    plan: LaunchPlan,
    image: ProcessImage,
    sandbox: Sandbox,
    inside: Interior,
    claimed: Mapping[int, int],
    folder: LaunchFolder,
) -> Record:
    name, root, identity = hostname(plan), folder.root, new_id()
    paths = host_paths(inside, root) if sandbox.rung == "plain" else {}
    told = inner_launch(sandbox, image, inside, root=root, hostname=name, paths=paths)
    if sandbox.rung == "plain":
        told["env"] = {**told["env"], MARK: identity}
    return Record(
        id=identity,
        name=f"{PREFIX}{plan.name}",
        rung=sandbox.rung,
        boot=boot_id(),
        labels=dict(plan.labels),
        ports={str(container): host for container, host in claimed.items()},
        argv=outer_argv(sandbox, image, inside, root=root, hostname=name),
        inside=told,
        paths=paths,
    )


def _ports(plan: LaunchPlan, others: list[Record]) -> dict[int, int]:
    """The host's ports of a plan, none of them anybody's, not even of one that is starting."""
    held = {port: other.name for other in others for port in other.ports.values()}
    claimed: dict[int, int] = {}
    for port in plan.ports:
        fixed = port.host
        if fixed is None and port.container not in plan.port_variables:
            fixed = port.container
        if fixed is None:
            while (free := ports.free_port()) in {*held, *claimed.values()}:
                pass
            claimed[port.container] = free
            continue
        if fixed in held or not ports.is_free(fixed):
            holder = f"`{held[fixed]}`" if fixed in held else ports.holder(fixed)
            raise PortTaken(f"port {fixed} is in use by {holder}")
        claimed[port.container] = fixed
    return claimed


def _lay_out(inside: Interior, folder: LaunchFolder, sandbox: Sandbox, image: ProcessImage) -> None:
    for bind in inside.binds:
        if not bind.read_only and not bind.source.exists():
            bind.source.mkdir(parents=True)  # a volume of its own, used for the first time
    plain = sandbox.rung == "plain"
    write_root(
        inside,
        folder.root,
        python=python_inside(sandbox, image),
        programs_inside=INSIDE.parent if plain else PROGRAMS,
    )
    (write_plain_links if plain else write_links)(inside, folder.root)


def _start(folder: LaunchFolder, record: Record, lock: int, held: int | None) -> None:
    """Start the keeper and wait for its word that the command runs.

    `held` is the end of a pipe that becomes the command's standard input.
    """
    told, ack = os.pipe()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        os.fdopen(told) as answer,
    ):
        try:
            with short_path(folder.socket) as path:
                listener.bind(path)
            listener.listen()
            files = (lock, listener.fileno(), ack, _NO_FILE if held is None else held)
            words = (str(folder.path), *map(str, files), record.rung, *record.argv)
            subprocess.run(
                own_program(sys.executable, "keeper", INSIDE.parent, *words),
                pass_fds=[file for file in files if file != _NO_FILE],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # the terminal's Ctrl-C is not for it
                cwd="/",
                env={"PATH": os.defpath},
                check=True,
            )
        finally:
            os.close(ack)
        ready, _, _ = select.select([answer], [], [], _START_SECONDS)
        said = answer.readline().strip() if ready else f"nothing within {_START_SECONDS:.0f} s"
    if said != "started":
        log = folder.log.read_text("utf-8", "replace") if folder.log.is_file() else ""
        raise EngineUnavailable(
            f"the command could not be started: {said or log.strip() or 'the sandbox ended'}",
            details=log.strip(),
        )
