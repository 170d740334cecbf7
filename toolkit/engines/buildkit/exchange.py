"""`POST /build` as a stream of the engine's messages, cut short by Ctrl-C, an event or an error."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from toolkit.engines.buildkit.wire import Wire, engine_answering, post
from toolkit.engines.events import Transfer
from toolkit.errors import BuildFailed, EmuError, EngineUnavailable, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

    from toolkit.engines.events import BuildEvent

_REPORT_EVERY = 8 << 20
_CANCEL_POLL = 0.05


class BuildCancelled(EmuError):
    """The build was stopped because the caller's event was set."""

    exit_code: ClassVar[int] = 130


class Exchange:
    """One build request under way. Nothing of it is left running when the block ends."""

    def __init__(
        self,
        api: docker.APIClient,
        on_event: Callable[[BuildEvent], None],
        cancel: threading.Event | None,
    ) -> None:
        self.api = api
        self._on_event = on_event
        self._cancel = cancel

    @contextlib.contextmanager
    def messages(
        self, params: Mapping[str, Any], headers: Mapping[str, str], body: Iterator[bytes]
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Send the context; then what the engine says, message by message."""
        with self._answering():
            wire = post(
                self.api,
                "/build",
                params=params,
                headers={"Content-Type": "application/x-tar", **headers},
                body=self._uploaded(body),
            )
        try:
            if wire.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
                raise BuildFailed(f"the engine refused the build: {wire.error()}")
            with self._cut_when_cancelled(wire):
                yield self._received(wire)
        finally:
            # With the connection goes the build: a RUN must not outlive its Ctrl-C.
            wire.close()

    def _uploaded(self, body: Iterator[bytes]) -> Iterator[bytes]:
        sent = reported = 0
        for chunk in _readable(body):
            self._check_cancelled()
            yield chunk
            sent += len(chunk)
            if sent - reported >= _REPORT_EVERY:
                reported = sent
                self._on_event(Transfer(step=0, what="build context", current=sent))

    def _received(self, wire: Wire) -> Iterator[dict[str, Any]]:
        lines = _lines(wire.chunks())
        while True:
            with self._answering():
                line = next(lines, None)
            if line is None:
                self._check_cancelled()
                return
            if line.strip():
                yield _decoded(line)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            with engine_answering():
                yield
        except EngineUnavailable:
            self._check_cancelled()
            raise

    def _check_cancelled(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise BuildCancelled("image build cancelled")

    @contextlib.contextmanager
    def _cut_when_cancelled(self, wire: Wire) -> Iterator[None]:
        if self._cancel is None:
            yield
            return
        over = threading.Event()
        threading.Thread(
            target=_watch, args=(self._cancel, over, wire), name="build cancel", daemon=True
        ).start()
        try:
            yield
        finally:
            over.set()


def _watch(cancel: threading.Event, over: threading.Event, wire: Wire) -> None:
    """No one can wait for two events at once, hence the short waits."""
    while not over.is_set():
        if cancel.wait(_CANCEL_POLL):
            wire.hang_up()
            return


def _readable(body: Iterator[bytes]) -> Iterator[bytes]:
    """The context's bytes; a file that cannot be read must not pass for a broken connection."""
    while True:
        try:
            chunk = next(body, None)
        except OSError as error:
            raise SpecError(f"build context cannot be read: {error}") from error
        if chunk is None:
            return
        yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise unreadable(str(error)) from error
    if not isinstance(message, dict):
        raise unreadable(repr(message))
    return message


def unreadable(details: str) -> EngineUnavailable:
    """The engine answers, but not in a language that we know."""
    return EngineUnavailable("the engine's build progress cannot be read", details=details)
