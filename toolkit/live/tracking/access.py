"""Who may do what: tokens that name a run, and the host names tracking answers to. No I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from toolkit.live.tracking.failures import Refused

_ISSUER: Final = "aml-emu"
_AUDIENCE: Final = "https://ml.azure.com"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose token it was. `run` is None for the user's own process, which may change all runs.

    A run may read everything; it may change the runs that hang on the same `root` as itself, as
    pipeline steps log to their parents.
    """

    run: str | None
    root: str | None = None

    def may_change(self, root: str) -> bool:
        return self.run is None or self.root == root


class Tokens:
    """Makes tokens and knows its own again. They end with the process that made them."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def issue(self, caller: Caller, *, expires: datetime) -> str:
        """A JWT, as Azure's run tokens are: the v1 SDK reads what is inside."""
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "exp": int(expires.timestamp()),
            "tid": "00000000-0000-0000-0000-000000000000",
            "run": caller.run,
            "root": caller.root,
        }
        signed = f"{_encode_json({'alg': 'HS256', 'typ': 'JWT'})}.{_encode_json(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this `Authorization` header; raises Refused."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("UNAUTHENTICATED", "no token: send `Authorization: Bearer <token>`")
        signed, _, signature = token.strip().rpartition(".")
        # compared as bytes: compare_digest refuses text that is not ASCII
        expected = self._signature(signed).encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "surrogateescape")):
            raise Refused(
                "UNAUTHENTICATED", "not a token of this workspace, or of an ended process"
            )
        claims = _decode_json(signed.partition(".")[2])
        return Caller(run=claims["run"], root=claims["root"])

    def _signature(self, signed: str) -> str:
        message = signed.encode("utf-8", "surrogateescape")
        return _encode(hmac.new(self._key, message, hashlib.sha256).digest())


def check_host(header: str | None, names: frozenset[str]) -> None:
    """Raise Refused for a name that is not ours: a web page could have made it point here."""
    host = (header or "").strip().lower()
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name not in names:
        raise Refused("PERMISSION_DENIED", f"this is not the host it was asked for: {header}")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode_json(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _decode_json(text: str) -> dict[str, Any]:
    padded = text + "=" * (-len(text) % 4)
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims
