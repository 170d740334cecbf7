"""An engine in memory that keeps the promises of the real ones and refuses nonsense.

What a launched thing does is scripted: the lines it says, how it ends, what its ports answer.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path, PurePosixPath
from typing import Any

from toolkit.engines import ports
from toolkit.engines.base import (
    Address,
    BuildOptions,
    Engine,
    EngineInfo,
    ExecResult,
    Handle,
    HostAddress,
    Image,
    Pruned,
    Pruning,
    State,
    StoredImage,
)
from toolkit.engines.command import Outcome
from toolkit.engines.events import BuildEvent, ImageReady
from toolkit.errors import BuildFailed, EmuError, EngineUnavailable, NameTaken, PortTaken
from toolkit.plans.emulation import LABEL_NAME
from toolkit.plans.model import ImagePlan, LaunchPlan

Conversation = Callable[[socket.socket], None]


def http_status(*statuses: int) -> Conversation:
    """A port that answers each GET with the next status, and the last one for ever."""
    left = list(statuses)

    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its real name
            pass

    def converse(connection: socket.socket) -> None:
        _Handler(connection, connection.getpeername(), None)  # type: ignore[arg-type]  # no server

    return converse


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a launched thing does.

    It runs on unless `exit_code` is given. `answers` says what happens on a published port, by
    container port; a port it does not name accepts and hangs up, as Docker's proxy does.
    """

    log: bytes = b""
    exit_code: int | None = None
    out_of_memory: bool = False
    answers: Mapping[int, Conversation] = field(default_factory=dict)
    replies: Mapping[tuple[str, ...], ExecResult] = field(default_factory=dict)


class Reception:
    """Holds a conversation with everyone who connects to a listening socket, one by one."""

    def __init__(self, listening: socket.socket, converse: Conversation | None) -> None:
        self._socket = listening
        self._converse = converse
        self._thread = threading.Thread(target=self._serve, name="reception", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if self._converse:
                    self._converse(connection)


class Listener:
    """One host port that holds the conversation it was given with everyone who connects."""

    def __init__(self, converse: Conversation | None, port: int | None = None) -> None:
        listening = socket.create_server((ports.LOOPBACK, port or 0))
        self.address = Address(host=ports.LOOPBACK, port=int(listening.getsockname()[1]))
        self._reception = Reception(listening, converse)

    def close(self) -> None:
        self._reception.close()


class FakeHandle:
    """One launched thing of a FakeEngine."""

    def __init__(self, daemon: Daemon, plan: LaunchPlan, script: Script) -> None:
        self.plan = plan
        self.commands: list[tuple[str, ...]] = []
        self.stops: list[float] = []
        self._daemon = daemon
        self._script = script
        self._id = f"fake-{next(daemon.numbers)}"
        self._log = script.log
        self._changed = threading.Condition()
        self._state = State(status="created")
        self._listeners: dict[int, Listener] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        return f"aml-emu-{self.plan.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.plan.labels)

    @property
    def environment(self) -> Mapping[str, str]:
        return dict(self.plan.env)

    def state(self) -> State:
        return self._state

    def address(self, port: int) -> Address:
        if port not in self._listeners:
            raise KeyError(port)
        return self._listeners[port].address

    def path_inside(self, path: PurePosixPath) -> PurePosixPath:
        return path

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        seen = 0
        while True:
            with self._changed:
                if follow:
                    self._changed.wait_for(partial(self._has_more, seen))
                if self._state.status == "gone":
                    return  # as a container's log, it goes with the thing
                new, over = self._log[seen:], not follow or not self._is_running
            lines = new.splitlines(keepends=True)
            yield from lines if tail is None or seen else lines[max(0, len(lines) - tail) :]
            seen += len(new)
            if over:
                return

    def exec(self, command: Sequence[str]) -> ExecResult:
        self.commands.append(tuple(command))
        assert self._is_running, f"`{self.name}` does not run: it cannot execute {command}"
        assert tuple(command) in self._script.replies, f"no reply is scripted for {command}"
        return self._script.replies[tuple(command)]

    def wait(self, timeout: float | None = None) -> State:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_running, timeout)
            return self._state

    def stop(self, *, grace: float = 10.0) -> None:
        self.stops.append(grace)
        if self in self._daemon.handles:
            self._daemon.handles.remove(self)
        self._end(State(status="gone"))

    def start(self) -> None:
        """Called by the engine: the ports open, and the script begins."""
        for port in self.plan.ports:
            self._listeners[port.container] = Listener(
                self._script.answers.get(port.container), port.host
            )
        with self._changed:
            self._state = State(status="running")
        if self._script.exit_code is not None:
            self.end(self._script.exit_code, out_of_memory=self._script.out_of_memory)

    def say(self, text: bytes) -> None:
        """The thing writes to its log."""
        with self._changed:
            self._log += text
            self._changed.notify_all()

    def end(self, exit_code: int, *, out_of_memory: bool = False) -> None:
        """The thing ends by itself."""
        self._end(State(status="exited", exit_code=exit_code, out_of_memory=out_of_memory))

    def _has_more(self, seen: int) -> bool:
        return len(self._log) > seen or not self._is_running

    @property
    def _is_running(self) -> bool:
        return self._state.is_running

    def _end(self, state: State) -> None:
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.close()
        with self._changed:
            self._state = state
            self._changed.notify_all()


@dataclass
class Daemon:
    """What outlives an engine object: its images, and the things launched on it."""

    images: dict[str, StoredImage] = field(default_factory=dict)
    image_labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    handles: list[FakeHandle] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class FakeEngine:
    """An Engine in memory. `known` are images it has from the start; `script` is what things do."""

    name = "fake"

    def __init__(
        self,
        *,
        known: Sequence[str] = (),
        script: Script | None = None,
        daemon: Daemon | None = None,
        unavailable: EmuError | None = None,
    ) -> None:
        self.daemon = daemon or Daemon()
        self.script = script or Script()
        self.unavailable = unavailable
        self.built: list[tuple[ImagePlan, BuildOptions]] = []
        self.launched: list[LaunchPlan] = []
        self.found: list[Mapping[str, str]] = []
        for tag in known:
            self._store(tag, {})

    def check(self) -> EngineInfo:
        if self.unavailable:
            raise self.unavailable
        return EngineInfo(name="fake", version="1", address="memory", platform="linux/amd64")

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image:
        self.check()
        self.built.append((plan, options))
        if plan.base != "scratch" and not self.has(plan.base):
            raise BuildFailed(f"image `{plan.base}` is not here and cannot be pulled")
        missing = set(plan.secrets) - set(options.secrets)
        assert not missing, f"the plan mounts secrets that nobody gave: {missing}"
        base = "scratch" if plan.base == "scratch" else self._image(plan.base).id
        tag = plan.tag(base)
        if self.has(tag) and not options.no_cache:
            return Image(tag=tag, id=self._image(tag).id, built=False)
        for name in (tag, *plan.tags):
            self._store(name, plan.labels)
        on_event(ImageReady(id=self._image(tag).id))
        return Image(tag=tag, id=self._image(tag).id, built=True)

    def has(self, image: str) -> bool:
        return _tagged(image) in self.daemon.images

    def port_holder(self, port: int) -> str | None:
        if ports.is_free(port):
            return None
        for handle in self.daemon.handles:
            if any(p.host == port for p in handle.plan.ports):
                return f"container `{handle.name}`"
        return ports.holder(port)

    def host_address(self) -> HostAddress:
        return HostAddress(bind=ports.LOOPBACK, name=ports.LOOPBACK)

    def images(self, labels: Mapping[str, str]) -> list[StoredImage]:
        return [
            image
            for tag, image in self.daemon.images.items()
            if _has_labels(self.daemon.image_labels[tag], labels)
        ]

    def launch(self, plan: LaunchPlan) -> Handle:
        self.check()
        self.launched.append(plan)
        if not self.has(plan.image):
            raise EngineUnavailable(f"no such image: {plan.image}")
        if any(handle.plan.name == plan.name for handle in self.daemon.handles):
            raise NameTaken(f"a container named `aml-emu-{plan.name}` exists already")
        for mount in plan.mounts:
            if not mount.source.exists():
                raise EngineUnavailable(f"nothing to mount: {mount.source}")
        targets = [mount.target for mount in plan.mounts]
        assert len(set(targets)) == len(targets), f"two mounts share a target: {targets}"
        containers = [port.container for port in plan.ports]
        assert len(set(containers)) == len(containers), f"published twice: {containers}"
        for port in plan.ports:
            if port.host is not None and (holder := self.port_holder(port.host)):
                raise PortTaken(f"port {port.host} is in use by {holder}")
        handle = FakeHandle(self.daemon, plan, self.script)
        self.daemon.handles.append(handle)
        handle.start()
        return handle

    def find(self, labels: Mapping[str, str]) -> list[Handle]:
        self.found.append(labels)
        return [handle for handle in self.daemon.handles if _has_labels(handle.labels, labels)]

    def prune(self, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
        """What has ended, and the images that nothing uses; of each name the newest stays."""
        running = {_tagged(h.plan.image) for h in self.daemon.handles if h.state().is_running}
        ended = [h for h in self.daemon.handles if not h.state().is_running]
        newest = {tag.rpartition(":")[0]: tag for tag in self.daemon.images}  # in order of making
        unused = [
            tag
            for tag in self.daemon.images
            if tag not in running
            and (everything or newest[tag.rpartition(":")[0]] != tag)
            and (not names or self.daemon.image_labels[tag].get(LABEL_NAME) in names)
        ]
        sizes = {tag: self.daemon.images[tag].size for tag in unused}
        removed = [Pruned(kind="container", name=h.name, size=0) for h in ended]
        removed += [Pruned(kind="image", name=tag, size=size) for tag, size in sizes.items()]
        if not dry_run:
            for handle in ended:
                handle.stop(grace=0)
            for tag in unused:
                del self.daemon.images[tag]
        return Pruning(removed=tuple(removed), freed=sum(sizes.values()))

    def close(self) -> None:
        """End everything that still runs: what a test forgot to stop holds ports."""
        for handle in list(self.daemon.handles):
            handle.stop()

    def _image(self, name: str) -> StoredImage:
        return self.daemon.images[_tagged(name)]

    def _store(self, name: str, labels: Mapping[str, str]) -> None:
        tag = _tagged(name)
        number = next(self.daemon.numbers)
        self.daemon.images[tag] = StoredImage(tag=tag, id=f"sha256:{number:064}", size=number)
        self.daemon.image_labels[tag] = labels


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in labels and value in {"", labels[key]} for key, value in wanted.items())


def wait_for(fact: Callable[[], bool], *, timeout: float = 5.0) -> bool:
    """Whether the fact comes true before the time is over."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.005)
    return True


@dataclass
class FakeUv:
    """Writes a lock where it is told to, or fails as it is told to."""

    lock: str = "numpy==2.0.0\npip==24.0\n"
    exit_code: int = 0
    errors: str = ""
    calls: list[tuple[Sequence[str], Mapping[str, str], Path, str]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def __call__(
        self, argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str
    ) -> Outcome:
        self.calls.append((argv, environ, cwd, stdin))
        output = Path(argv[argv.index("--output-file") + 1])
        self.hints.append(output.read_text())
        if not self.exit_code:
            output.write_text(self.lock)
        return Outcome(exit_code=self.exit_code, output="", errors=self.errors)


_: Engine = FakeEngine()
