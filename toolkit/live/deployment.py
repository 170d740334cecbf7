"""A deployment from its image to its place behind the router, and away again.

New replicas are ready before the old ones leave; what fails on the way leaves the old ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from toolkit.engines.base import Address, Engine, Nearby
from toolkit.live.endpoint import Endpoints, EndpointState, Replica, Serving
from toolkit.live.orphans import (
    deploying,
    remove_orphans,
    remove_strays,
    replicas_of,
    take_down,
)
from toolkit.live.readiness import accepts, retry_until
from toolkit.live.rollout import (
    Deployed,
    Rollout,
    Say,
    collected_in,
    engine_name,
    first_port,
    mark_of,
    replica_request,
    shares_after,
)
from toolkit.live.router.process import ask, is_up, renew_router, start_router, wait_for_router
from toolkit.live.service import Service, start_service
from toolkit.plans import azureml, emulation
from toolkit.plans.deployment import ReplicaRequest, plan_replica
from toolkit.plans.model import LaunchPlan
from toolkit.settings import EngineName
from toolkit.specs.deployment import Deployment
from toolkit.specs.endpoint import check_known


def roll_out(rollout: Rollout, *, image: str) -> Deployed:
    """Bring it up behind its router; what has not changed stays as it is.

    Raises as starting a service does; then the endpoint is what it was before.
    """
    endpoints, endpoint, name = rollout.endpoints, rollout.endpoint.name, rollout.deployment.name
    with deploying(endpoints, endpoint, name):
        state = endpoints.ensure(rollout.endpoint, port=partial(first_port, rollout.port))
        _check_traffic(rollout, state)
        remove_orphans(endpoints, endpoint, environ=rollout.settings.environ)
        remove_strays(rollout.engine, endpoints, state, name)
        _move(rollout, state)
        engine = engine_name(rollout)
        router = start_router(endpoints, endpoint, engine=engine)
        wanted = replica_request(rollout, image)
        mark = mark_of(rollout, wanted)
        if not rollout.attended and (same := _unchanged(rollout, mark)):
            state = wait_for_router(endpoints, endpoint, router, engine=engine)
            return replace(same, state=_with_traffic(rollout, state))
        plans = _plans(rollout, wanted)
        _make_way(rollout, plans)
        with _launched(rollout, plans) as services:
            state = wait_for_router(endpoints, endpoint, router, engine=engine)
            serving = _serving(rollout, plans, services, mark)
            state, before = _hand_over(rollout, serving)
        if before:
            take_down(rollout.engine, endpoints, endpoint, before)
        return Deployed(state=state, serving=serving, services=services, plans=plans)


def withdraw(
    endpoints: Endpoints, name: str, serving: Serving, engine: Engine, *, say: Say
) -> None:
    """Take a deployment away; the router goes with the last one, the endpoint's keys stay."""
    gone = False

    def without(state: EndpointState) -> EndpointState:
        nonlocal gone
        gone = state.deployments.get(serving.name) == serving
        return state.without(serving.name) if gone else state

    if endpoints.find(name) is None:
        take_down(engine, endpoints, name, serving)
        return
    state = endpoints.change(name, without)
    if not gone:
        return  # another command has it now
    if state.deployments:
        ask(state, "renew", timeout=40.0)
        left = sum(state.traffic.get(each, 0) for each in state.deployments)
        if not left and state.traffic.get(serving.name):
            say(f"no deployment of `{name}` has traffic now: `aml-emu traffic {name} NAME=100`")
    elif is_up(state):
        ask(state, "stop")
    take_down(engine, endpoints, name, serving)


def remove_endpoint(
    endpoints: Endpoints, name: str, engines: Callable[[EngineName], Engine]
) -> None:
    """Everything of an endpoint: deployments, router, keys."""
    state = endpoints.get(name)
    for serving in state.deployments.values():
        endpoints.change(name, partial(EndpointState.without, deployment=serving.name))
    if is_up(state):
        ask(state, "stop")
    for serving in state.deployments.values():
        take_down(engines(serving.engine), endpoints, name, serving)
    endpoints.remove(name)


def repaired(
    endpoints: Endpoints, name: str, *, environ: Mapping[str, str], say: Say
) -> EndpointState:
    """The endpoint as it is, after what a killed command or router left has been put right."""
    for gone in remove_orphans(endpoints, name, environ=environ):
        say(f"`{name}.{gone}`: its command was killed, so it was taken down")
    state = endpoints.get(name)
    if not state.deployments or is_up(state):
        return state
    say(f"the router of `{name}` was gone: starting it again")
    engine = next(iter(state.deployments.values())).engine
    router = start_router(endpoints, name, engine=engine)
    return wait_for_router(endpoints, name, router, engine=engine)


def _check_traffic(rollout: Rollout, state: EndpointState) -> None:
    endpoint = rollout.endpoint
    if endpoint.file is None:
        return
    known = [*state.deployments, rollout.deployment.name]
    for key, shares in (("traffic", endpoint.traffic), ("mirror_traffic", endpoint.mirror_traffic)):
        where = f"{endpoint.file.path}:{endpoint.file.line((key,))}"
        check_known(shares, known, where=where)


def _move(rollout: Rollout, state: EndpointState) -> None:
    """To the port that was asked for; the router comes back on it."""
    port = rollout.port
    if port is None or port == state.port:
        return
    if is_up(state):
        ask(state, "stop")
        retry_until(lambda: not is_up(rollout.endpoints.get(state.name)) or None, timeout=10)
    rollout.endpoints.change(state.name, lambda found: replace(found, port=port))


def _unchanged(rollout: Rollout, mark: str) -> Deployed | None:
    """What runs already, if it is the same and all of it answers for."""
    state = rollout.endpoints.get(rollout.endpoint.name)
    serving = state.deployments.get(rollout.deployment.name)
    if serving is None or serving.owner != rollout.owner or serving.fingerprint != mark:
        return None
    there = replicas_of(rollout.engine, rollout.endpoints, state.name, serving.name)
    found = {service.name: service for service in there}
    services = [found[replica.name] for replica in serving.replicas if replica.name in found]
    running = [service for service in services if service.handle.state().is_running]
    if len(running) < len(serving.replicas):
        return None
    return Deployed(state=state, serving=serving, services=services, plans=[], unchanged=True)


def _plans(rollout: Rollout, wanted: ReplicaRequest) -> list[LaunchPlan]:
    """Numbered on from all there ever were; what another project calls the same is passed over."""
    endpoint = rollout.endpoint.name
    labels = {emulation.LABEL_ENDPOINT: endpoint}
    taken = {handle.labels[emulation.LABEL_NAME] for handle in rollout.engine.find(labels)}
    names: list[str] = []

    def number(state: EndpointState) -> EndpointState:
        serial = state.serial
        while len(names) < rollout.count:
            serial += 1
            name = f"{endpoint}.{rollout.deployment.name}.{serial}"
            if name not in taken:
                names.append(name)
        return replace(state, serial=serial)

    rollout.endpoints.change(endpoint, number)
    return [
        rollout.dress(plan_replica(wanted, name=name), index) for index, name in enumerate(names)
    ]


def _make_way(rollout: Rollout, plans: list[LaunchPlan]) -> None:
    """A fixed port, as a debugger has, can have one holder only: the old replicas go first."""
    fixed = {port.host for plan in plans for port in plan.ports if port.host is not None}
    state = rollout.endpoints.get(rollout.endpoint.name)
    before = state.deployments.get(rollout.deployment.name)
    if not fixed or before is None or not before.debugged:
        return
    state = rollout.endpoints.change(state.name, lambda found: found.without(before.name))
    renew_router(state)
    take_down(rollout.engine, rollout.endpoints, state.name, before)


@contextmanager
def _launched(rollout: Rollout, plans: list[LaunchPlan]) -> Iterator[list[Service]]:
    """All of them at once, ready; none of them, if something goes wrong with one."""
    services: list[Service] = []
    try:
        for plan in plans:  # a launch is quick, and two at once would fight for the free ports
            services.append(start_service(rollout.engine, plan))  # noqa: PERF401  # kept if the next fails
        rollout.launched(services)
        with ThreadPoolExecutor(len(plans)) as threads:
            waits = [
                threads.submit(service.wait_ready, plan.probe)
                for service, plan in zip(services, plans, strict=True)
                if plan.probe
            ]
            for wait in waits:
                wait.result()
        yield services
    except BaseException:
        for service in services:
            service.stop(rollout.engine)
        raise


def _serving(
    rollout: Rollout, plans: list[LaunchPlan], services: list[Service], mark: str
) -> Serving:
    deployment, routes = rollout.deployment, rollout.deployment.routes
    replicas = tuple(
        _replica(deployment, service, plan) for service, plan in zip(services, plans, strict=True)
    )
    return Serving(
        name=deployment.name,
        kind=deployment.kind,
        file=deployment.file.path.resolve(),
        engine=engine_name(rollout),
        fingerprint=mark,
        replicas=replicas,
        scoring_path=routes.scoring.path if routes else "/score",
        liveness_path=routes.liveness.path if routes else "/",
        readiness_path=routes.readiness.path if routes else "/",
        has_runit=routes is None,
        requests=deployment.requests,
        liveness=deployment.liveness,
        readiness=deployment.readiness,
        collector=deployment.collector,
        collected=collected_in(rollout),
        recorded=rollout.recorded,
        loose=rollout.loose,
        owner=rollout.owner,
    )


def _replica(deployment: Deployment, service: Service, plan: LaunchPlan) -> Replica:
    routes = deployment.routes
    handle = service.handle

    def at(port: int | None) -> Address:
        return service.scoring if port is None else handle.address(port)

    scoring = routes.scoring.port if routes else azureml.SCORING_PORT
    direct = handle.direct_address(scoring) if isinstance(handle, Nearby) else None
    is_near = direct is not None and accepts(direct)
    return Replica(
        name=plan.name,
        address=direct if direct and is_near else service.scoring,
        liveness=at(routes.liveness.port if routes else None),
        readiness=at(routes.readiness.port if routes else None),
        debugged=service.debugger is not None,
    )


def _hand_over(rollout: Rollout, serving: Serving) -> tuple[EndpointState, Serving | None]:
    """From now on the new replicas answer; returns when the old ones have nothing to do."""
    before: Serving | None = None

    def change(state: EndpointState) -> EndpointState:
        nonlocal before
        before = state.deployments.get(serving.name)
        return shares_after(rollout, state.with_serving(serving))

    state = rollout.endpoints.change(rollout.endpoint.name, change)
    try:
        renew_router(state)
    except BaseException:  # Ctrl-C while the old ones finish, or a router that does not answer
        back = partial(_back, failed=serving, before=before)
        ask(rollout.endpoints.change(state.name, back), "renew")
        raise
    return state, before


def _back(state: EndpointState, *, failed: Serving, before: Serving | None) -> EndpointState:
    """To the replicas of before, unless another command has put its own there."""
    if state.deployments.get(failed.name) != failed:
        return state
    return state.with_serving(before) if before else state.without(failed.name)


def _with_traffic(rollout: Rollout, state: EndpointState) -> EndpointState:
    wanted = shares_after(rollout, state)
    if wanted == state:
        return state
    state = rollout.endpoints.change(state.name, partial(shares_after, rollout))
    renew_router(state)
    return state
