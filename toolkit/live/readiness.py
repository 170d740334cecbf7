"""Waiting until something answers: the only polling loop."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

from toolkit.engines.base import Address

Value = TypeVar("Value")

INTERVAL: Final = 0.05
_HTTP_OK: Final = 200


def retry_until(
    attempt: Callable[[], Value | None], *, timeout: float, interval: float = INTERVAL
) -> Value | None:
    """Call `attempt` until it gives something other than None, or the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        if (value := attempt()) is not None:
            return value
        if time.monotonic() >= deadline:
            return None
        time.sleep(interval)


def answers(address: Address, path: str, *, timeout: float = 2.0) -> bool:
    """Whether GET `path` says 200 now."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == _HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def accepts(address: Address, *, timeout: float = 0.5) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((address.host, address.port), timeout=timeout).close()
    except OSError:
        return False
    return True
