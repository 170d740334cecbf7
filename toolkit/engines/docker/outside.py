"""How containers reach this machine, which differs with where the engine runs."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from toolkit.engines.base import HostAddress
from toolkit.engines.ports import LOOPBACK
from toolkit.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

_DESKTOP: Final = HostAddress(bind=LOOPBACK, name="host.docker.internal")
_BRIDGES: Final = ("bridge", "podman")


def host_address(client: DockerClient, info: Mapping[str, Any]) -> HostAddress:
    """The gateway of the engine's bridge; Docker Desktop has a name for the machine around it.

    Raises EngineUnavailable where no address of this machine leads here.
    """
    if "Docker Desktop" in str(info.get("OperatingSystem")):
        return _DESKTOP
    gateway = _gateway(client)
    if gateway is None or not _is_ours(gateway):
        raise EngineUnavailable(
            f"containers cannot reach this machine: {gateway or 'the engine has no bridge'}",
            hint="use an engine that runs on this machine itself",
        )
    return HostAddress(bind=gateway, name=gateway)


def _gateway(client: DockerClient) -> str | None:
    for network in client.networks.list(names=list(_BRIDGES)):
        for pool in (network.attrs.get("IPAM") or {}).get("Config") or ():
            if gateway := pool.get("Gateway"):
                return str(gateway)
    return None


def _is_ours(address: str) -> bool:
    """Whether this machine has the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
