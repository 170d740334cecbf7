"""One container, as an engine's handle."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal

from docker.errors import APIError, NotFound
from requests.exceptions import ConnectionError as Disconnected
from requests.exceptions import ReadTimeout

from toolkit.engines.base import Address, ExecResult, State
from toolkit.errors import EngineUnavailable, NotReady

if TYPE_CHECKING:
    from docker import APIClient
    from docker.models.containers import Container


class DockerHandle:
    """Speaks for a container that this or an earlier process started."""

    def __init__(self, container: Container, api: APIClient) -> None:
        self._container = container
        self._api = api
        self._leash: Any = None

    @property
    def id(self) -> str:
        return str(self._container.id)

    @property
    def name(self) -> str:
        return str(self._container.name)

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self._container.labels)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables it was started with."""
        pairs = (text.partition("=") for text in self._container.attrs["Config"]["Env"] or ())
        return {name: value for name, _, value in pairs}

    def state(self) -> State:
        try:
            with answering():
                self._container.reload()
        except NotFound:
            return State(status="gone")
        return _state(self._container.attrs["State"])

    def address(self, port: int) -> Address:
        bindings = self._container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
        if not bindings:
            self.state()  # which looks again: ports are known once it has started
            bindings = self._container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
        if not bindings:
            raise KeyError(port)
        return Address(host=bindings[0]["HostIp"], port=int(bindings[0]["HostPort"]))

    def direct_address(self, port: int) -> Address | None:
        """On the engine's bridge: only where that is this machine's own network."""
        networks = self._container.attrs["NetworkSettings"].get("Networks") or {}
        found = [each["IPAddress"] for each in networks.values() if each.get("IPAddress")]
        return Address(host=found[0], port=port) if found else None

    def path_inside(self, path: PurePosixPath) -> PurePosixPath:
        return path

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        lines: int | Literal["all"] = "all" if tail is None else tail
        try:
            if not follow:
                yield self._container.logs(tail=lines)
                return
            yield from self._container.logs(stream=True, follow=True, tail=lines)
        except (NotFound, APIError, Disconnected):
            return  # removed while we were reading: there is no more to say

    def hold_leash(self) -> None:
        """Attach to its standard input: it ends when this process lets go of it, or is killed."""
        self._leash = self._api.attach_socket(self.id, params={"stdin": 1, "stream": 1})

    def _let_go(self) -> None:
        leash, self._leash = self._leash, None
        if leash is not None:
            inner = getattr(leash, "_sock", None)  # which a reader on a socket leaves open
            leash.close()
            if inner is not None:
                inner.close()

    def put(self, archive: IO[bytes]) -> None:
        try:
            self._container.put_archive("/", archive)
        except (APIError, NotFound) as error:
            raise NotReady(f"`{self.name}` takes no files", details=str(error)) from error

    def exec(self, command: Sequence[str]) -> ExecResult:
        return self._exec(command, user="")

    def exec_as_root(self, command: Sequence[str]) -> ExecResult:
        return self._exec(command, user="0")

    def _exec(self, command: Sequence[str], *, user: str) -> ExecResult:
        try:
            with answering():
                started = self._api.exec_create(self.id, list(command), user=user)["Id"]
                output = self._api.exec_start(started)
        except (APIError, NotFound) as error:
            raise NotReady(f"`{self.name}` is not running", details=str(error)) from error
        return ExecResult(
            exit_code=int(self._api.exec_inspect(started)["ExitCode"]),
            output=output.decode(errors="replace"),
        )

    def wait(self, timeout: float | None = None) -> State:
        try:
            self._container.wait(timeout=timeout)
        except NotFound:
            return State(status="gone")
        except (ReadTimeout, Disconnected):
            pass  # docker-py's two ways to say that the time is over
        return self.state()

    def stop(self, *, grace: float = 10.0) -> None:
        # Seen even by what has not come to mind signals yet, which the first program of a
        # container does not get then.
        self._let_go()
        with answering():
            self._end(grace)

    def _end(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        try:
            self._container.stop(timeout=max(0, int(deadline - time.monotonic())))
            self._container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:  # noqa: PLR2004  # "already in progress": somebody was faster
                raise


@contextmanager
def answering() -> Iterator[None]:
    """Raises EngineUnavailable for an engine that went away meanwhile."""
    try:
        yield
    except Disconnected as error:
        raise EngineUnavailable(
            "the Docker engine does not answer any more",
            details=str(error),
            hint="start it again, then run the same command",
        ) from error


def _state(attrs: Mapping[str, Any]) -> State:
    if attrs.get("Running"):
        return State(status="running")
    if attrs.get("Status") == "created":
        return State(status="created")
    return State(
        status="exited",
        exit_code=int(attrs.get("ExitCode", -1)),
        out_of_memory=bool(attrs.get("OOMKilled")),
    )
