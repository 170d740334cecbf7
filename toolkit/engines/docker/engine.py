"""Building and launching on Docker. Knows plans and containers, not Azure ML, not debugpy."""

# ruff: noqa: PLC0415  # the SDK takes longer to import than most commands need it

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from toolkit.engines import ports
from toolkit.engines.base import (
    LONG_AGO,
    BuildOptions,
    EngineInfo,
    Handle,
    HostAddress,
    Image,
    Pruning,
    StoredImage,
)
from toolkit.engines.docker.connect import address, connect
from toolkit.engines.docker.peek import Peek, peek, product
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable, NameTaken, PortTaken
from toolkit.plans import emulation
from toolkit.plans.model import ImagePlan, LaunchPlan, PlacedFile

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.errors import APIError

    from toolkit.engines.docker.ahead import Ahead

PREFIX = "aml-emu-"
_CONFLICT = 409
_FEWEST_CPUS = 0.01


class DockerEngine:
    """The engine behind DOCKER_HOST or the current `docker context`."""

    name = "docker"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._ahead: Ahead | None = None

    @cached_property
    def _client(self) -> DockerClient:
        return connect(self._environ)

    @cached_property
    def _info(self) -> dict[str, Any]:
        """What the engine says of itself at length, which takes it up to 0.1 s."""
        info: dict[str, Any] = self._client.info()
        return info

    @cached_property
    def _peek(self) -> Peek | None:
        return peek(self._environ)

    def check(self) -> EngineInfo:
        if self._peek and (info := self._peek.info()):
            return info
        version = self._client.version()
        return EngineInfo(
            name=product(version),
            version=version["Version"],
            address=address(self._environ),
            platform=f"{version['Os']}/{version['Arch']}",
        )

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        from toolkit.engines.docker.ahead import Ahead

        self._await_what_began()
        self._ahead = Ahead(lambda: self._client, plan, options, on_event, self._environ)
        return self._ahead.give_up

    def _await_what_began(self) -> None:
        if self._ahead:
            self._ahead.wait()
            self._ahead = None

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image:
        self._await_what_began()
        if self._peek and (found := self._peek.unchanged(plan, options)):
            return found
        from toolkit.engines.docker.images import build

        return build(self._client, plan, options, on_event, self._environ)

    def has(self, image: str) -> bool:
        if self._peek and self._peek.image(image):
            return True
        from toolkit.engines.docker.images import is_local

        return is_local(self._client, image)

    def host_address(self) -> HostAddress:
        return self._host_address

    @cached_property
    def _host_address(self) -> HostAddress:
        from toolkit.engines.docker.outside import host_address

        return host_address(self._client, self._info)

    def images(self, labels: Mapping[str, str]) -> list[StoredImage]:
        return [
            StoredImage(tag=tag, id=str(image.id), size=int(image.attrs["Size"]))
            for image in self._client.images.list(filters={"label": _filters(labels)})
            for tag in image.tags or ["<none>"]
        ]

    def launch(self, plan: LaunchPlan) -> Handle:
        from toolkit.engines.docker.handle import answering

        with answering():
            return self._launch(plan)

    def _launch(self, plan: LaunchPlan) -> Handle:
        from docker.errors import APIError

        from toolkit.engines.docker.handle import DockerHandle

        try:
            for cache in plan.caches:  # not with the container: Podman would lose the label
                self._client.volumes.create(PREFIX + cache.name, labels={emulation.LABEL: ""})
            container = self._client.containers.create(**self._arguments(plan))
        except APIError as error:
            raise self._cannot_create(plan, error) from error
        handle = DockerHandle(container, self._client.api)
        try:
            if plan.files or plan.folders:
                container.put_archive("/", archive(plan.files, plan.folders))
            if plan.leashed:
                handle.hold_leash()
            container.start()
        except APIError as error:
            handle.stop(grace=0)
            raise self._cannot_start(plan, error) from error
        except BaseException:  # Ctrl-C between create and start leaves nothing behind
            handle.stop(grace=0)
            raise
        return handle

    def find(self, labels: Mapping[str, str]) -> list[Handle]:
        from toolkit.engines.docker.handle import DockerHandle, answering

        with answering():
            found = self._client.containers.list(
                all=True, filters={"label": _filters(labels)}, ignore_removed=True
            )
        return [DockerHandle(container, self._client.api) for container in found]

    def prune(self, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
        from toolkit.engines.docker.prune import prune

        return prune(self._client.api, everything=everything, dry_run=dry_run, names=names)

    def _arguments(self, plan: LaunchPlan) -> dict[str, Any]:
        from docker.types import Mount as DockerMount

        binds = [
            DockerMount(str(m.target), str(m.source), type="bind", read_only=m.read_only)
            for m in plan.mounts
        ]
        volumes = [
            DockerMount(str(cache.target), PREFIX + cache.name, type="volume")
            for cache in plan.caches
        ]
        return {
            "image": plan.image,
            "command": list(plan.command) or None,
            "name": PREFIX + plan.name,
            "environment": dict(plan.env),
            "mounts": binds + volumes,
            "ports": {f"{p.container}/tcp": (ports.LOOPBACK, p.host) for p in plan.ports},
            "labels": dict(plan.labels),
            "user": self._user() if plan.as_host_user else None,
            "working_dir": str(plan.working_dir) if plan.working_dir else None,
            "stdin_open": plan.leashed,  # which docker-py makes end with who attached to it
            "mem_limit": plan.memory,
            "nano_cpus": None if plan.cpus is None else self._nano_cpus(plan.cpus),
            "shm_size": plan.shm_size,
        }

    def _nano_cpus(self, wanted: float) -> int:
        """Docker refuses very low limits, and ones above what is there, which limit nothing."""
        there = float(self._info["NCPU"])
        return int(max(_FEWEST_CPUS, min(wanted, there)) * 1e9)

    @cached_property
    def _is_rootless(self) -> bool:
        options = self._info.get("SecurityOptions") or ()
        return any("rootless" in option for option in options)

    def _user(self) -> str | None:
        """Ids that make mounted folders writable and what is written there the user's own."""
        if sys.platform != "linux":
            return None  # Docker Desktop maps ownership itself
        if self._is_rootless:
            return "0:0"  # root in a rootless engine is the user outside
        return f"{os.getuid()}:{os.getgid()}"

    def port_holder(self, port: int) -> str | None:
        if ports.is_free(port):
            return None
        containers = self._client.containers.list(filters={"publish": str(port)})
        return f"container `{containers[0].name}`" if containers else ports.holder(port)

    def _cannot_create(self, plan: LaunchPlan, error: APIError) -> Exception:
        if error.status_code == _CONFLICT:
            return NameTaken(
                f"a container named `{PREFIX}{plan.name}` exists already",
                hint=f"run `aml-emu stop {plan.name}`, or pass another `--name`",
            )
        return EngineUnavailable("Docker refused to create the container", details=str(error))

    def _cannot_start(self, plan: LaunchPlan, error: APIError) -> Exception:
        text = str(error)
        if "already allocated" in text or "address already in use" in text:
            for port in plan.ports:
                if port.host is not None and (holder := self.port_holder(port.host)):
                    return PortTaken(f"port {port.host} is in use by {holder}")
        return EngineUnavailable("Docker refused to start the container", details=text)


def _filters(labels: Mapping[str, str]) -> list[str]:
    """Label filters; an empty value means that the label is there, whatever it says."""
    return [f"{key}={value}" if value else key for key, value in labels.items()]


def archive(files: Iterable[PlacedFile], folders: Iterable[PurePosixPath] = ()) -> bytes:
    """A tar of the files, and of folders that anybody may write to; none looks new."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in folders:
            entry = tarfile.TarInfo(str(folder).lstrip("/"))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o777, LONG_AGO
            tar.addfile(entry)
        for file in files:
            content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
            entry = tarfile.TarInfo(str(file.path).lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), file.mode, LONG_AGO
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
