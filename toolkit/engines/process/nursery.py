"""Many launches in a row without starting a Python for each: forked from one that waits.

They share a root that is laid out once for an image; what they mount, /tmp and the home are each
launch's own. Only what needs no ports and no files of its own is launched this way.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.engines.base import Address, ExecResult, State
from toolkit.engines.process.cachefolder import UNFINISHED, locked, open_lock, remove
from toolkit.engines.process.images import ProcessImage
from toolkit.engines.process.interior import PROGRAMS, Interior, hostname, interior
from toolkit.engines.process.launch import refuse
from toolkit.engines.process.records import LaunchFolder
from toolkit.engines.process.root import INSIDE, own_program, write_links, write_root
from toolkit.engines.process.sandbox import Sandbox, inner_launch, python_inside
from toolkit.errors import EngineUnavailable, NotReady
from toolkit.plans.model import LaunchPlan

PREFIX: Final = "aml-emu-"
_START_SECONDS: Final = 30.0
_OWN: Final = ("/tmp", "/var/tmp", "/root", "/run")  # noqa: S108  # paths inside


class NurseryHandle:
    """One launch of a nursery; it lives no longer than the command that launched it."""

    def __init__(self, plan: LaunchPlan, name: str, output: int, leash: int, scratch: Path) -> None:
        self._plan = plan
        self._name = name
        self._leash: int | None = leash
        self._scratch = scratch
        self._said = bytearray()
        self._changed = threading.Condition()
        self._exit_code: int | None = None
        self._silent = False
        self.kill: Callable[[], None] = lambda: None
        self._reader = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reader.start()

    @property
    def id(self) -> str:
        return self._name

    @property
    def name(self) -> str:
        return f"{PREFIX}{self._plan.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self._plan.labels)

    def state(self) -> State:
        if self._exit_code is None:
            return State(status="running")
        return State(status="exited", exit_code=self._exit_code)

    def address(self, port: int) -> Address:
        raise KeyError(port)

    def path_inside(self, path: PurePosixPath) -> PurePosixPath:
        return path

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        seen = 0
        while True:
            with self._changed:
                while follow and len(self._said) == seen and not self._silent:
                    self._changed.wait()
                new, over = bytes(self._said[seen:]), not follow or self._silent
            seen += len(new)
            lines = new.splitlines(keepends=True)
            yield b"".join(lines if tail is None else lines[max(0, len(lines) - tail) :])
            tail = None  # of what was there; all that comes is new
            if over and seen == len(self._said):
                return

    def exec(self, command: Sequence[str]) -> ExecResult:
        raise NotReady(f"`{self.name}` runs no further commands", details=" ".join(command))

    def wait(self, timeout: float | None = None) -> State:
        with self._changed:
            self._changed.wait_for(lambda: self._exit_code is not None, timeout)
        return self.state()

    def stop(self, *, grace: float = 10.0) -> None:
        self._let_go()  # its first program ends the job politely then
        if grace > 0:
            self.wait(grace)
        if self._exit_code is None:
            self.kill()
            self.wait(_START_SECONDS)
        remove(self._scratch)

    def ended(self, exit_code: int) -> None:
        """The nursery has seen its end."""
        self._let_go()
        with self._changed:
            self._exit_code = exit_code
            self._changed.notify_all()

    def _let_go(self) -> None:
        leash, self._leash = self._leash, None
        if leash is not None:
            os.close(leash)

    def _read(self, output: int) -> None:
        with os.fdopen(output, "rb", buffering=0) as words:
            while chunk := words.read(1 << 16):
                with self._changed:
                    self._said += chunk
                    self._changed.notify_all()
        with self._changed:
            self._silent = True
            self._changed.notify_all()


class Nursery:
    """The Python that waits, and what it was asked to start."""

    def __init__(self, sandbox: Sandbox, cache: Path) -> None:
        self._sandbox = sandbox
        self._cache = cache
        self._folder, lock = _own_folder(cache)
        self._roots: dict[str, Path] = {}
        self._handles: dict[str, NurseryHandle] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, os.fdopen(lock):
            self._process = subprocess.Popen(
                own_program(sys.executable, "nursery", INSIDE.parent, str(theirs.fileno())),
                pass_fds=(theirs.fileno(), lock),  # it holds the lock until it ends
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.defpath},
            )
        self._listener = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._listener.start()

    def close(self) -> None:
        """End all that still runs."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait()
        self._listener.join()
        self._socket.close()
        remove(self._folder)

    @staticmethod
    def takes(plan: LaunchPlan) -> bool:
        return plan.kind == "run" and not plan.ports and not plan.files

    def launch(self, plan: LaunchPlan, image: ProcessImage) -> NurseryHandle:
        """Raises EngineUnavailable for what cannot be started."""
        refuse(plan, self._sandbox, self._cache)
        with self._lock:
            self._number += 1
            name = f"{plan.name}-{self._number}"
            scratch = self._folder / name
            scratch.mkdir()
        inside = interior(plan, image, volumes=self._cache / "volumes", ports={})
        root = self._root(image, inside)
        place = self._place(plan, image, inside, root, scratch)
        held, leash = os.pipe()
        said, output = os.pipe()
        handle = NurseryHandle(plan, name, said, leash, scratch)
        handle.kill = partial(self._kill, name)
        with self._lock:
            self._handles[name] = handle
        try:
            problem = self._ask({"name": name, **place}, held, output)
        finally:
            os.close(held)
            os.close(output)
        if problem:
            handle.stop(grace=0)
            raise EngineUnavailable(f"the command could not be started: {problem}")
        return handle

    def _place(
        self,
        plan: LaunchPlan,
        image: ProcessImage,
        inside: Interior,
        root: Path,
        scratch: Path,
    ) -> dict[str, Any]:
        told = inner_launch(
            self._sandbox,
            image,
            inside,
            root=root,
            hostname=hostname(plan),
            paths={},
        )
        mounted = {target for _, target, _ in told["namespaces"]["binds"]}
        own = []
        for number, target in enumerate(_OWN):
            if target not in mounted:
                (scratch / str(number)).mkdir(mode=0o777)
                own.append([str(scratch / str(number)), target, False])
        told["namespaces"]["binds"] = [*own, *told["namespaces"]["binds"]]
        return {
            "place": told["namespaces"],
            "argv": told["argv"],
            "env": told["env"],
            "cwd": told["cwd"],
        }

    def _root(self, image: ProcessImage, inside: Interior) -> Path:
        """The root of an image's launches, laid out when the first one comes."""
        with self._lock:
            if image.id not in self._roots:
                root = self._folder / f"root{len(self._roots)}"
                python = python_inside(self._sandbox, image)
                write_root(inside, root, python=python, programs_inside=PROGRAMS)
                write_links(inside, root)
                self._roots[image.id] = root
            for folder in inside.folders:
                (self._roots[image.id] / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
            for bind in inside.binds:
                if not bind.read_only and not bind.source.exists():
                    bind.source.mkdir(parents=True)
            return self._roots[image.id]

    def _ask(self, request: Mapping[str, Any], held: int, output: int) -> str:
        """What prevented the start; empty if it runs."""
        told, ack = os.pipe()
        with os.fdopen(told) as words:
            try:
                self._send(request, held, output, ack)
            except OSError as error:
                return f"the nursery has ended: {error.strerror}"
            finally:
                os.close(ack)
            ready, _, _ = select.select([words], [], [], _START_SECONDS)
            return words.read().strip() if ready else f"nothing within {_START_SECONDS:.0f} s"

    def _kill(self, name: str) -> None:
        with suppress(OSError):  # the nursery has ended, and all of its own with it
            self._send({"kill": name})

    def _send(self, request: Mapping[str, Any], *files: int) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))
        self._socket.sendmsg([json.dumps(request).encode()], [rights] if files else [])

    def _listen(self) -> None:
        while True:
            try:
                text = self._socket.recv(1 << 16)
            except OSError:
                text = b""
            if not text:
                break
            told = json.loads(text)
            with self._lock:
                handle = self._handles.pop(told["name"])
            handle.ended(int(told["exit_code"]))
        with self._lock:
            left, self._handles = self._handles, {}
        for handle in left.values():
            handle.ended(137)


def _own_folder(cache: Path) -> tuple[Path, int]:
    """A folder that any later command removes once nobody holds its lock, and that lock."""
    shelf = cache / "run"
    shelf.mkdir(parents=True, exist_ok=True)
    folder = LaunchFolder(shelf / f"{UNFINISHED}{os.urandom(4).hex()}")
    with locked(cache / "run.lock"):
        folder.path.mkdir(mode=0o700)
        lock = open_lock(folder.lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder.path, lock
