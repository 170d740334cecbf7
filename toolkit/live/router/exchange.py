"""One request and its answer, as they are kept: for replay, and for the data collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LARGEST_KEPT: Final = 1 << 20
REPLAY_HEADER: Final = "aml-emu-replay"  # its value is the record's id
REDACTED: Final = "[redacted]"
SECRET_HEADERS: Final = frozenset(
    {"authorization", "cookie", "set-cookie", "api-key", "x-api-key", "proxy-authorization"}
)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Bodies are cut at LARGEST_KEPT; `request_cut` and `answer_cut` say that they were."""

    id: str
    time: float
    endpoint: str
    deployment: str
    replica: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    model_status: int
    answer_headers: Mapping[str, str]
    answer: bytes
    milliseconds: float
    request_cut: bool = False
    answer_cut: bool = False


class Cutting:
    """Collects chunks up to LARGEST_KEPT."""

    def __init__(self, *, wanted: bool) -> None:
        self._chunks: list[bytes] = []
        self._left = LARGEST_KEPT if wanted else 0
        self._wanted = wanted
        self.is_cut = False

    def add(self, chunk: bytes) -> None:
        if not self._wanted:
            return
        kept = chunk[: self._left]
        self.is_cut |= len(kept) < len(chunk)
        self._left -= len(kept)
        if kept:
            self._chunks.append(kept)

    @property
    def data(self) -> bytes:
        return b"".join(self._chunks)


def without_secrets(headers: Mapping[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    """Headers that may be written down: no credentials by name, none by value."""
    shown = {}
    for name, value in headers.items():
        hidden = name.lower() in SECRET_HEADERS or any(secret in value for secret in secrets)
        shown[name] = REDACTED if hidden else value
    return shown


def without_keys(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """A body in which the endpoint's own keys do not stand."""
    for secret in secrets:
        body = body.replace(secret.encode(), REDACTED.encode())
    return body
