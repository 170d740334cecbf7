"""Build an image through the Docker Engine's API, with whichever builder the engine has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from toolkit.engines.buildkit import buildah
from toolkit.engines.buildkit.exchange import Exchange
from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.buildkit.proxies import proxy_build_args
from toolkit.engines.buildkit.request import BuildRequest
from toolkit.engines.buildkit.sdk import configured_proxies
from toolkit.engines.buildkit.solve import solve
from toolkit.engines.buildkit.wire import engine_answering
from toolkit.engines.events import BuildEvent, ImageReady

if TYPE_CHECKING:
    import docker

Builder = Literal["buildkit", "buildah"]

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})


def build_image(
    api: docker.APIClient,
    request: BuildRequest,
    *,
    on_event: Callable[[BuildEvent], None],
    environment: Mapping[str, str] = _NO_ENVIRONMENT,
    cancel: threading.Event | None = None,
    builder: Builder | None = None,
) -> str:
    """The built image's id, `sha256:…`.

    Ctrl-C, or setting `cancel`, ends the running step too; Podman lets that step finish and
    starts no other. `environment` is where the proxies of this process are looked up.
    Without `builder` the engine is asked who it is.
    """
    if builder is None:
        with engine_answering():
            builder = builder_of(api.version())
    proxies = proxy_build_args(configured_proxies(api), environment, network=request.network)
    build_args = {**proxies, **request.build_args}
    journal = Journal(on_event)
    exchange = Exchange(api, journal.tell, cancel)
    run = solve if builder == "buildkit" else buildah.build
    image = run(exchange, request, build_args, journal)
    journal.tell(ImageReady(id=image))
    return image


def builder_of(version: Mapping[str, Any]) -> Builder:
    """Which builder stands behind an engine, from its answer to `GET /version`."""
    components = version.get("Components") or []
    is_podman = any(component.get("Name") == "Podman Engine" for component in components)
    return "buildah" if is_podman else "buildkit"
