"""One scoring request and its answer."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.engines.base import Address
from toolkit.errors import NotReady

_HTTP_OK = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers as they came, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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
) -> Answer:
    """POST `body` to /score as JSON, unless a header says otherwise.

    Raises NotReady when nothing answers, or not within `timeout` seconds.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    try:
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request("POST", "/score", body=body, headers=sent)
        response = connection.getresponse()
        return Answer(
            status=response.status, headers=dict(response.getheaders()), body=response.read()
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
