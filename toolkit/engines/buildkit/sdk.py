"""What a build needs of the Docker SDK and the SDK does not offer: the one door to its inside.

No public call streams a request body, hijacks a connection, or tells the logins and proxies of
the Docker configuration.
"""
# ruff: noqa: SLF001

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.engines.buildkit.services import Login

if TYPE_CHECKING:
    import docker
    import requests

_DOCKER_HUB = "registry-1.docker.io"


def send_post(api: docker.APIClient, path: str, **request: Any) -> requests.Response:
    """POST and return as soon as the answer begins. No time-out: a step may be silent for hours."""
    sdk: Any = api
    response: requests.Response = sdk._post(sdk._url(path), stream=True, timeout=None, **request)
    return response


def stream_of(response: requests.Response) -> Any:
    """The reader below the HTTP answer. It may hold bytes that came right behind the headers."""
    raw: Any = response.raw
    return raw._fp.fp


def socket_of(api: docker.APIClient, response: requests.Response) -> Any:
    """What the answer came through: a socket, a TLS socket, a pipe, a channel."""
    sdk: Any = api
    found: Any = sdk._get_raw_response_socket(response)
    # On a plain socket the SDK gives its reading half only.
    return getattr(found, "_sock", found)


def registry_login(api: docker.APIClient, host: str) -> Login:
    """The login for a registry's host from the Docker configuration; an empty one if none."""
    sdk: Any = api
    found = sdk._auth_configs.resolve_authconfig(None if host == _DOCKER_HUB else host) or {}
    # The file's own entries are lower case, those of credential stores are not.
    entry = {key.lower(): value for key, value in found.items()}
    if token := entry.get("identitytoken"):
        return Login(secret=token)
    return Login(username=entry.get("username") or "", secret=entry.get("password") or "")


def all_logins_header(api: docker.APIClient) -> dict[str, str]:
    """Every known login in the header that builders without a session take them from."""
    sdk: Any = api
    headers: dict[str, str] = {}
    sdk._set_auth_headers(headers)
    return headers


def configured_proxies(api: docker.APIClient) -> dict[str, str]:
    """The proxies that the user's Docker configuration has for containers."""
    sdk: Any = api
    return dict(sdk._proxy_configs.get_environment())
