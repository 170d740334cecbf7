"""What a build may ask of us through its session: secrets, registry logins, are we alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolkit.engines.buildkit.grpc_status import GrpcError, Status
from toolkit.engines.buildkit.protobuf import bytes_field, fields, varint_field

GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 - a method's path
HEALTH = "/grpc.health.v1.Health/Check"
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"

# Takes a request's message, gives the answer's.
Service = Callable[[bytes], bytes]

_SERVING = 1


@dataclass(frozen=True)
class Login:
    """What a registry is told. An identity token goes in `secret` with no `username`."""

    username: str = ""
    secret: str = ""


def session_services(
    secrets: Mapping[str, bytes], login: Callable[[str], Login]
) -> dict[str, Service]:
    """The methods by their gRPC path; `login` is asked for a registry's host name."""

    def get_secret(request: bytes) -> bytes:
        name = _first_text(request)
        if name not in secrets:
            raise GrpcError(Status.NOT_FOUND, f"secret {name}: not found")
        return bytes_field(1, secrets[name])

    def credentials(request: bytes) -> bytes:
        found = login(_first_text(request))
        return bytes_field(1, found.username.encode()) + bytes_field(2, found.secret.encode())

    def health(request: bytes) -> bytes:
        del request  # names a service, and all of ours live and die together
        return varint_field(1, _SERVING)

    return {GET_SECRET: get_secret, CREDENTIALS: credentials, HEALTH: health}


def _first_text(request: bytes) -> str:
    """The string in field 1, which is all that these requests carry."""
    try:
        values = [value for number, value in fields(request) if number == 1]
    except ValueError as error:
        raise GrpcError(Status.INTERNAL, str(error)) from error
    if not values or not isinstance(values[-1], bytes):
        return ""
    return values[-1].decode("utf-8", errors="replace")
