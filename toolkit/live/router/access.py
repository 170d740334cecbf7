"""Who may call an endpoint: keys, and tokens that expire. Opens no socket."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from typing import Any, Final, Literal

from toolkit.live.endpoint import EndpointState

Decision = Literal["allowed", "unauthorized", "forbidden"]
TOKEN_SECONDS: Final = 12 * 3600
REFRESH_SECONDS: Final = 3600
_BEARER: Final = "bearer "


def decide(state: EndpointState, authorization: str | None) -> Decision:
    """Whether a request with this `Authorization` may go on.

    Without credentials, or with ones that are wrong or too old, it is not authorized; it is
    forbidden with a token that is good, but for another endpoint.
    """
    if not authorization or authorization[: len(_BEARER)].lower() != _BEARER:
        return "unauthorized"
    given = authorization[len(_BEARER) :].strip()
    if state.auth_mode == "key":
        sent = given.encode()
        known = (state.primary.encode(), state.secondary.encode())
        is_known = hmac.compare_digest(sent, known[0]) or hmac.compare_digest(sent, known[1])
        return "allowed" if is_known else "unauthorized"
    claims = _claims(given, state.secret)
    if claims is None or claims.get("exp", 0) < time.time():
        return "unauthorized"
    return "allowed" if claims.get("aud") == state.name else "forbidden"


def make_token(state: EndpointState, *, lifetime: float = TOKEN_SECONDS) -> dict[str, Any]:
    """As `az ml online-endpoint get-credentials` prints it for `aml_token`."""
    now = time.time()
    claims = {"aud": state.name, "iat": int(now), "exp": int(now + lifetime)}
    return {
        "accessToken": sign(claims, state.secret),
        "expiryTimeUtc": claims["exp"],
        "refreshAfterTimeUtc": int(now + min(lifetime, REFRESH_SECONDS)),
        "tokenType": "Bearer",
    }


def credential(state: EndpointState) -> str:
    """What a caller of this machine puts behind `Bearer`."""
    if state.auth_mode == "key":
        return state.primary
    return str(make_token(state)["accessToken"])


def sign(claims: dict[str, Any], secret: str) -> str:
    """A JSON web token, HS256."""
    signed = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    return f"{signed}.{_signature(signed, secret)}"


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(signed, secret).encode()):
        return None
    try:
        body = signed.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def _signature(signed: str, secret: str) -> str:
    return _encoded(hmac.digest(secret.encode(), signed.encode(), "sha256"))


def _packed(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
