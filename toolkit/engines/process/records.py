"""What is kept of each launch: one folder by name, found by any later command of this user."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from toolkit.engines.process.cachefolder import UNFINISHED, is_held, locked_if_free, remove

MARK: Final = "AML_EMU_LAUNCH"  # in the environment of every plain process
KILLED: Final = 137
_RECORD: Final = "launch.json"
_KILL_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a launch was started with. `ports` lead from the container's to the host's."""

    id: str
    name: str
    rung: str
    boot: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    argv: list[str]
    inside: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LaunchFolder:
    """The folder of one launch."""

    path: Path

    @property
    def lock(self) -> Path:
        """Held by all processes that keep the launch, and by nobody once they are gone."""
        return self.path / "lock"

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def socket(self) -> Path:
        return self.path / "first.sock"

    def write(self, record: Record) -> None:
        scratch = self.path / f"{_RECORD}.new"
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(asdict(record)), "utf-8")
        scratch.replace(self.path / _RECORD)

    def read(self) -> Record | None:
        """The record; None if the launch is gone."""
        try:
            return Record(**json.loads((self.path / _RECORD).read_text("utf-8")))
        except FileNotFoundError:
            return None

    @property
    def is_alive(self) -> bool:
        return self.exit_code() is None and is_held(self.lock)

    def exit_code(self) -> int | None:
        """How it ended; None if nobody has said so (yet)."""
        try:
            text = (self.path / "exit.json").read_text("utf-8")
        except FileNotFoundError:
            return None
        return int(json.loads(text)["exit_code"])

    def remove(self, record: Record) -> None:
        """The folder, and what Python kept in the volumes of modules that lay in it.

        Only where nothing can be mounted do paths of the host get there.
        """
        volumes = self.path.parent.parent / "volumes"
        for place in {Path(place) for place in record.paths.values()}:
            if place.is_relative_to(volumes):
                remove(place.joinpath(*self.path.parts[1:]))
        remove(self.path)

    def bury(self, record: Record) -> None:
        """After its keeper was killed: end what it left running, and write down that it is over."""
        deadline = time.monotonic() + _KILL_SECONDS
        while record.rung == "plain" and _kill_marked(record.id):  # until no new one was started
            if time.monotonic() > deadline:
                break
        scratch = self.path / "exit.new"
        try:
            scratch.write_text(json.dumps({"exit_code": KILLED}), "utf-8")
            scratch.replace(self.path / "exit.json")
        except FileNotFoundError:
            return  # somebody else removed it meanwhile


def _kill_marked(identity: str) -> int:
    """How many processes of a launch were there to be killed."""
    killed = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == identity and process.status() != "zombie":
                process.kill()
                killed += 1
        except psutil.Error:
            continue  # it is gone, or not ours
    return killed


def boot_id() -> str:
    """Changes when the machine is started anew."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def launches(shelf: Path) -> Iterator[tuple[LaunchFolder, Record]]:
    """All that is kept; on the way, what killed commands and former boots left is cleaned up."""
    if not shelf.is_dir():
        return
    boot = boot_id()
    _sweep(shelf)
    for path in sorted(shelf.iterdir()):
        folder = LaunchFolder(path)
        is_begun = path.name.startswith(UNFINISHED)
        record = folder.read() if path.is_dir() and not is_begun else None
        if record is None:
            continue
        if folder.exit_code() is None and not is_held(folder.lock):
            if record.boot != boot:
                remove(path)
                continue
            if folder.exit_code() is None:  # it may have ended between the two questions
                folder.bury(record)
        yield folder, record


def claim_lock(shelf: Path) -> Path:
    """Held by the one command that is making a launch's folder."""
    return shelf.with_name("run.lock")


def _sweep(shelf: Path) -> None:
    """Delete what was begun and has nobody at work on it, unless somebody begins just now."""
    begun = list(shelf.glob(f"{UNFINISHED}*"))
    if not begun:
        return
    with locked_if_free(claim_lock(shelf)) as is_ours:
        for path in begun:
            if is_ours and not is_held(LaunchFolder(path).lock):
                remove(path)


def new_id() -> str:
    return os.urandom(16).hex()
