"""One long HTTP exchange with the engine, read as it comes, and how to cut it off."""

# ruff: noqa: PLC0415  # who has a client has paid for these imports

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from toolkit.engines.buildkit.sdk import send_post, socket_of, stream_of
from toolkit.errors import EmuError, EngineUnavailable

if TYPE_CHECKING:
    import docker
    import requests

_RECEIVE_SIZE = 1 << 16


class Wire:
    """An answer whose connection is ours for as long as it lasts."""

    def __init__(self, api: docker.APIClient, response: requests.Response) -> None:
        self.status = response.status_code
        self._response = response
        self._stream = stream_of(response)
        self._socket = socket_of(api, response) if response.ok else None
        self._lock = threading.Lock()
        self._is_over = False

    def error(self) -> str:
        """What the engine says when it refuses; reads the answer to its end."""
        try:
            with engine_answering():
                body = self._response.content
            return str(json.loads(body)["message"])
        except (ValueError, KeyError, TypeError):
            return f"HTTP {self.status}"
        finally:
            self.finish()

    def chunks(self) -> Iterator[bytes]:
        """The body in the pieces it comes in."""
        yield from self._response.raw.stream(_RECEIVE_SIZE, decode_content=False)
        self.finish()

    @property
    def can_converse(self) -> bool:
        """Whether bytes can be read as they come; a pure Python SSH transport cannot."""
        return hasattr(self._stream, "read1") and hasattr(self._socket, "sendall")

    def receive(self) -> bytes:
        """What came in, empty at the end. The HTTP reader may already hold the first bytes."""
        return bytes(self._stream.read1(_RECEIVE_SIZE))

    def send(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.sendall(data)

    def finish(self) -> None:
        """The exchange is complete: from now on the connection is the SDK's again."""
        with self._lock:
            self._is_over = True

    def hang_up(self) -> None:
        """End the exchange, from any thread; whoever waits for the other side wakes up."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            if self._socket is not None:
                # Not connected any more, or a pipe, which has no shutdown.
                with contextlib.suppress(OSError, AttributeError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up; only when no other thread is reading."""
        self.hang_up()
        self._response.close()


def post(
    api: docker.APIClient,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Iterator[bytes] | None = None,
) -> Wire:
    """POST and return as soon as the answer begins. No time-out: a step may be silent for hours."""
    return Wire(api, send_post(api, path, params=params, headers=headers, data=body))


@contextlib.contextmanager
def engine_answering() -> Iterator[None]:
    """Turn a connection that fails or breaks into EngineUnavailable."""
    import docker.errors  # whoever has a client has paid for this import
    import requests
    import urllib3

    try:
        yield
    except EmuError:
        raise
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
    ) as error:
        raise EngineUnavailable(
            "the container engine does not answer",
            details=str(error),
            hint="see with `aml-emu doctor` whether it runs, then build again",
        ) from error
