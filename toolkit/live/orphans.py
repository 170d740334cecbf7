"""Deployments whose command is dead, and containers that nobody's deployment has: ended here."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.errors import EmuError, NameTaken
from toolkit.live.endpoint import Endpoints, EndpointState, Serving
from toolkit.live.service import Service
from toolkit.plans import emulation
from toolkit.settings import EngineName
from toolkit.workspace.owners import is_gone

EngineOf = Callable[[EngineName], Engine]
# gunicorn gives a request that does not end 30 s to do so, as a pod's grace period does
_RESTART: Final = ("env", "SVWAIT=45", "sv", "restart", "gunicorn")


def is_orphan(serving: Serving) -> bool:
    """Whether its command in the foreground was killed."""
    return serving.owner is not None and is_gone(serving.owner)


def remove_orphans(
    endpoints: Endpoints,
    name: str,
    *,
    environ: Mapping[str, str],
    engine_of: EngineOf | None = None,
) -> list[str]:
    """Take down what belongs to nobody; the names of the deployments that were."""
    engines = engine_of or (lambda engine: make_engine(engine, environ))
    state = endpoints.find(name)
    gone = [each for each in state.deployments.values() if is_orphan(each)] if state else []
    for serving in gone:
        take_down(engines(serving.engine), endpoints, name, serving)
        endpoints.change(name, partial(_without, lost=serving))
    return [serving.name for serving in gone]


def take_down(engine: Engine, endpoints: Endpoints, name: str, serving: Serving) -> None:
    """End the replicas of a deployment."""
    names = {replica.name for replica in serving.replicas}
    for service in replicas_of(engine, endpoints, name, serving.name):
        if service.name in names:
            service.stop(engine)


def replicas_of(
    engine: Engine, endpoints: Endpoints, endpoint: str, deployment: str = ""
) -> list[Service]:
    """All containers of an endpoint of this project, or of one of its deployments."""
    labels = {
        emulation.LABEL_KIND: "service",
        emulation.LABEL_PROJECT: endpoints.project,
        emulation.LABEL_ENDPOINT: endpoint,
        emulation.LABEL_DEPLOYMENT: deployment,
    }
    return [Service(handle) for handle in engine.find(labels)]


def remove_strays(
    engine: Engine, endpoints: Endpoints, state: EndpointState, deployment: str
) -> list[str]:
    """End containers that a killed command launched and never handed over; their names.

    For whoever holds the deployment's lock: nobody else is launching any.
    """
    serving = state.deployments.get(deployment)
    known = {replica.name for replica in serving.replicas} if serving else set()
    strays = [
        service
        for service in replicas_of(engine, endpoints, state.name, deployment)
        if service.name not in known
    ]
    names = [service.name for service in strays]
    for service in strays:
        service.stop(engine)
    return names


def remove_all_strays(engine: Engine, endpoints: Endpoints, name: str) -> list[str]:
    """Those of every deployment of an endpoint that nobody is deploying now; their names."""
    labels = [service.handle.labels for service in replicas_of(engine, endpoints, name)]
    gone: list[str] = []
    for deployment in {each[emulation.LABEL_DEPLOYMENT] for each in labels}:
        with suppress(NameTaken), deploying(endpoints, name, deployment):
            state = endpoints.find(name)
            if state:
                gone += remove_strays(engine, endpoints, state, deployment)
    return gone


@contextmanager
def deploying(endpoints: Endpoints, endpoint: str, deployment: str) -> Iterator[None]:
    """One command at a time deploys; the lock goes with the process that holds it."""
    endpoints.folder.mkdir(parents=True, exist_ok=True)
    path = endpoints.folder / f"{endpoint}.{deployment}.deploying"
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NameTaken(
                f"another command is deploying `{endpoint}.{deployment}` now",
                hint="wait until it has ended",
            ) from error
        yield


def restart_server(
    serving: Serving,
    replica: str,
    *,
    endpoints: Endpoints,
    endpoint: str,
    environ: Mapping[str, str],
    engine_of: EngineOf | None = None,
) -> str:
    """Have the server of a replica started anew; what became of it, as a sentence."""
    if not serving.has_runit:
        return f"{serving.name}: `{replica}` is a container of your own: start it anew yourself"
    try:
        engine = engine_of(serving.engine) if engine_of else make_engine(serving.engine, environ)
        for service in replicas_of(engine, endpoints, endpoint, serving.name):
            if service.name == replica:
                done = service.handle.exec(_RESTART)
                became = "could not be started anew" if done.exit_code else "started anew"
                return f"{serving.name}: server of `{replica}` {became}: {done.output.strip()}"
    except EmuError as error:
        return f"{serving.name}: `{replica}` could not be started anew: {error.message}"
    return f"{serving.name}: `{replica}` is gone"


def _without(state: EndpointState, *, lost: Serving) -> EndpointState:
    """Unless somebody deployed it again meanwhile."""
    return state.without(lost.name) if state.deployments.get(lost.name) == lost else state
