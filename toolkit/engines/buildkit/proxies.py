"""The proxies a build needs, as the build arguments that leave no trace in the image."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

_NAMES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def proxy_build_args(
    configured: Mapping[str, str], environment: Mapping[str, str], *, network: str | None
) -> dict[str, str]:
    """Both spellings of each proxy; `configured` is meant for containers, so it goes first."""
    found: dict[str, str] = {}
    for name in _NAMES:
        value = configured.get(name) or _usable(name, environment, network=network)
        if value:
            found[name] = found[name.upper()] = value
    return found


def _usable(name: str, environment: Mapping[str, str], *, network: str | None) -> str | None:
    value = environment.get(name) or environment.get(name.upper())
    if value and name != "no_proxy" and network != "host" and _is_loopback(value):
        # Inside the build's own network this address is the build itself.
        logger.warning(
            "%s is on this machine's loopback, which the build cannot reach: not passed on", name
        )
        return None
    return value


def _is_loopback(proxy: str) -> bool:
    host = urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
