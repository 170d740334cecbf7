"""What every engine and every started thing can do. Nothing here knows Azure ML or debugpy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Final, Literal, Protocol, runtime_checkable

from toolkit.engines.events import BuildEvent
from toolkit.plans.model import ImagePlan, LaunchPlan

Status = Literal["created", "running", "exited", "gone"]
PrunedKind = Literal[
    "container", "launch", "image", "volume", "build cache", "environment", "folder"
]

# When the files and folders of a launch were changed, as they say (1980, the first that a zip file
# can say too): runsvdir waits a second before it looks at a tree that has just changed.
LONG_AGO: Final = 315_532_800


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """Which engine answered, for people and for `doctor`.

    `notes` are what its user should know beforehand: one sentence each. One that
    `builds_dockerfiles` not makes environments only.
    """

    name: str
    version: str
    address: str
    platform: str
    builds_dockerfiles: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Image:
    """A built image. `built` is False when an image of the same inputs was already there."""

    tag: str
    id: str
    built: bool


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image the engine has; `size` in bytes, shared layers counted in full."""

    tag: str
    id: str
    size: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What became of a started thing; `exit_code` is None while it runs."""

    status: Status
    exit_code: int | None = None
    out_of_memory: bool = False

    @property
    def is_running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a container port is reached from the host."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class HostAddress:
    """How launched things reach this machine: what to listen on here, and its name in there."""

    bind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ExecResult:
    """A command that ran inside a started thing."""

    exit_code: int
    output: str


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What changes how an image is built but not what it contains."""

    secrets: Mapping[str, bytes] = field(default_factory=dict)
    no_cache: bool = False


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """Something of ours that is gone, or would be. `size` in bytes: what it alone takes."""

    kind: PrunedKind
    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What a clean-up removed, or would; `notes` say what it had to leave, one sentence each.

    `freed` may be more than the sizes together: what several things shared belongs to none alone.
    """

    removed: tuple[Pruned, ...] = ()
    freed: int = 0
    notes: tuple[str, ...] = ()


class Handle(Protocol):
    """One started container or process."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...

    def state(self) -> State: ...
    def address(self, port: int) -> Address:
        """The host side of a published container port; KeyError for one that is not published."""
        ...

    def path_inside(self, path: PurePosixPath) -> PurePosixPath:
        """What a path of the plan is called in there: itself, unless nothing could be mounted."""
        ...

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]: ...
    def exec(self, command: Sequence[str]) -> ExecResult:
        """Run a command inside it to its end; NotReady if it is not running."""
        ...

    def wait(self, timeout: float | None = None) -> State:
        """Block until it has ended; the state as it is then, or at the time-out."""
        ...

    def stop(self, *, grace: float = 10.0) -> None:
        """End it and remove it; no error if it is already gone."""
        ...


@runtime_checkable
class Amendable(Protocol):
    """A handle whose own files can be changed while it runs, as its superuser."""

    def put(self, archive: IO[bytes]) -> None:
        """Unpack a tar at `/`."""
        ...

    def exec_as_root(self, command: Sequence[str]) -> ExecResult: ...


@runtime_checkable
class Nearby(Protocol):
    """A handle that may be reached without the engine's own forwarding in between."""

    def direct_address(self, port: int) -> Address | None:
        """Where this machine may reach a container port itself; the caller tries it first."""
        ...


@runtime_checkable
class Forehanded(Protocol):
    """An engine that can begin a build whose last steps are not known yet."""

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        """Start the steps of `plan` and return how to give them up.

        The next `build` waits until they have ended.
        """
        ...


@runtime_checkable
class Serial(Protocol):
    """An engine that can start many short runs faster than one by one."""

    def series(self) -> AbstractContextManager[None]:
        """While it lasts; what was launched meanwhile ends with it."""
        ...


class Engine(Protocol):
    """Builds images and launches plans."""

    @property
    def name(self) -> str: ...

    def check(self) -> EngineInfo:
        """Answer who you are, or raise EngineUnavailable."""
        ...

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image: ...

    def has(self, image: str) -> bool:
        """Whether the image is here, with nothing to pull or make."""
        ...

    def port_holder(self, port: int) -> str | None:
        """What listens on a port of 127.0.0.1, for people; None if it is free."""
        ...

    def host_address(self) -> HostAddress:
        """Where a server of ours must listen for launched things; EngineUnavailable if nowhere."""
        ...

    def images(self, labels: Mapping[str, str]) -> list[StoredImage]: ...
    def launch(self, plan: LaunchPlan) -> Handle: ...
    def find(self, labels: Mapping[str, str]) -> list[Handle]: ...
    def prune(self, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
        """Remove what was made here and is of no more use, nothing that anybody else made.

        Of each image the newest is kept, and what a container uses; with `everything` the latter
        only. `names` limits it to these environments.
        """
        ...
