"""One scoring request and its answer."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from toolkit.engines.base import Address
from toolkit.errors import NotReady

_HTTP_OK = 200
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers as they came, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_byte: float = 0.0  # seconds until the headers were there
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        return self.status == _HTTP_OK

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def score(
    address: Address,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    path: str = "/score",
    method: str = "POST",
    on_chunk: Callable[[bytes], object] | None = None,
) -> Answer:
    """Send `body` to the scoring route as JSON, unless a header says otherwise.

    `on_chunk` gets the parts of the answer as they come. Raises NotReady when nothing answers, or
    not within `timeout` seconds.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    began = perf_counter()
    try:
        named = {name.lower() for name in headers or {}}
        kind = {} if "content-type" in named else {"Content-Type": "application/json"}
        connection.request(method, path, body=body, headers={**kind, **(headers or {})})
        response = connection.getresponse()
        first_byte = perf_counter() - began
        return Answer(
            status=response.status,
            headers=dict(response.getheaders()),
            body=_read(response, on_chunk),
            first_byte=first_byte,
            seconds=perf_counter() - began,
        )
    except TimeoutError as error:
        raise NotReady(
            f"no answer within {timeout:g} s", hint="is a request paused at a breakpoint?"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(
            f"nothing answers at {address.host}:{address.port}", details=str(error)
        ) from error
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, on_chunk: Callable[[bytes], object] | None) -> bytes:
    chunks = []
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        if on_chunk:
            on_chunk(chunk)
    return b"".join(chunks)
