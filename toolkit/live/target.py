"""Whom a command means by a name: an endpoint, one of its deployments, or a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from toolkit.engines.base import Address, Engine
from toolkit.errors import NotFound, SpecError
from toolkit.live.deployment import repaired
from toolkit.live.endpoint import Endpoints, EndpointState, Serving
from toolkit.live.router.access import credential
from toolkit.live.service import find_services, the_service
from toolkit.plans.emulation import LABEL_ENDPOINT, LABEL_PROJECT
from toolkit.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Named:
    """An endpoint, and the deployment of it that was named, if one was."""

    state: EndpointState
    serving: Serving | None = None

    @property
    def name(self) -> str:
        return f"{self.state.name}.{self.serving.name}" if self.serving else self.state.name


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a request goes, and what it takes to be let in."""

    name: str
    address: Address
    path: str = "/score"
    headers: Mapping[str, str] = field(default_factory=dict)


def named_endpoint(endpoints: Endpoints, name: str | None) -> Named | None:
    """`iris` or `iris.blue`; without a name the only one there is. None: no endpoint is meant."""
    if name is None:
        states = [endpoints.get(each) for each in endpoints.names()]
        serving = [state for state in states if state.deployments]
        return Named(state=serving[0]) if len(serving) == 1 else None
    endpoint, dot, deployment = name.partition(".")
    state = endpoints.find(endpoint)
    if state is None or "." in deployment:  # `iris.blue.3` is a replica: a service
        return None
    return Named(state=state, serving=state.serving(deployment) if dot else None)


def target(
    settings: Settings,
    engine: Callable[[], Engine],
    name: str | None,
    *,
    deployment: str | None = None,
    debugged: bool = False,
    key: str | None = None,
    say: Say,
) -> Target:
    """Raises NotFound for a name that nothing has, SpecError for flags that do not fit it."""
    endpoints = Endpoints(settings.state_folder)
    named = named_endpoint(endpoints, name)
    if named is None or (name is None and _others(engine(), endpoints)):
        if deployment or debugged or key:
            raise SpecError(
                f"not an endpoint: {name}" if name else "which endpoint?",
                hint="`--deployment`, `--debugged` and `--key` are for endpoints",
            )
        service = the_service(engine(), name)
        return Target(name=service.name, address=service.scoring)
    state = repaired(endpoints, named.state.name, environ=settings.environ, say=say)
    chosen = deployment or (named.serving.name if named.serving else None)
    serving = state.serving(chosen) if chosen else None
    if not state.deployments:
        raise NotFound(f"nothing is deployed to `{state.name}`", hint="run `aml-emu deploy FILE`")
    return _target(state, serving, debugged=debugged, key=key)


class NotAnEndpoint(NotFound):
    """Nothing was recorded for, or deployed to, an endpoint of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no request to `{name}` is recorded", hint="deploy with `--record`, then send some"
        )


def target_of_endpoint(
    settings: Settings,
    name: str,
    *,
    deployment: str | None = None,
    debugged: bool = False,
    say: Say,
) -> Target:
    """The endpoint of that name, or one of its deployments; raises NotFound."""
    endpoints = Endpoints(settings.state_folder)
    endpoints.get(name)
    state = repaired(endpoints, name, environ=settings.environ, say=say)
    serving = state.serving(deployment) if deployment else None
    return _target(state, serving, debugged=debugged, key=None)


def _others(engine: Engine, endpoints: Endpoints) -> bool:
    """Whether this project has a service that is no replica, so that no name is not enough."""
    mine = [s for s in find_services(engine) if _is_of(s.handle.labels, endpoints.project)]
    return any(LABEL_ENDPOINT not in service.handle.labels for service in mine)


def _is_of(labels: Mapping[str, str], project: str) -> bool:
    return labels.get(LABEL_PROJECT) == project


def _target(
    state: EndpointState, serving: Serving | None, *, debugged: bool, key: str | None
) -> Target:
    looked_at = [serving] if serving else list(state.deployments.values())
    if debugged and not any(each.debugged for each in looked_at):
        raise SpecError(
            f"no replica of `{state.name}` is being debugged", hint="deploy it with `--debug`"
        )
    if debugged and serving is None:
        serving = next(each for each in looked_at if each.debugged)
    headers = {"Authorization": f"Bearer {key or credential(state)}"}
    if serving:
        headers["azureml-model-deployment"] = serving.name
    if debugged:
        headers["aml-emu-replica"] = "debugged"
    first = serving or next(iter(state.deployments.values()))
    return Target(
        name=f"{state.name}.{serving.name}" if serving else state.name,
        address=Address(host="127.0.0.1", port=state.port),
        path=first.scoring_path,
        headers=headers,
    )
