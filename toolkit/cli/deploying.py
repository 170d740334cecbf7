"""What `deploy` does, step by step: read, judge, build, roll out, tell, watch, take away."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psutil import pid_exists

from toolkit.cli import console
from toolkit.cli.attended import Attended, attachment, followed, sample_of, tell_waiting
from toolkit.cli.console import shown
from toolkit.cli.fates import report
from toolkit.cli.fleet import Fleet, follow
from toolkit.cli.progress import BuildProgress
from toolkit.cli.watching import Saves
from toolkit.dev.watch import Watcher
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.engines.trust import host_trust
from toolkit.errors import PortTaken, SpecError
from toolkit.live.deployment import roll_out
from toolkit.live.endpoint import Endpoints
from toolkit.live.image import ImageRequest
from toolkit.live.lookup import Found, image_of, look_up, read_deployment
from toolkit.live.orphans import remove_orphans
from toolkit.live.rollout import Deployed, Rollout, check_room
from toolkit.live.router.access import credential
from toolkit.live.service import Service
from toolkit.plans.model import LaunchPlan
from toolkit.settings import Settings, load_settings
from toolkit.specs.deployment import Deployment
from toolkit.specs.endpoint import Endpoint, load_endpoint
from toolkit.workspace.model import Owner
from toolkit.workspace.owners import owner_of, this_process


@dataclass(frozen=True, kw_only=True)
class DeployOrder(Attended):
    """The flags of `deploy`, checked by nobody yet."""

    file: Path
    endpoint: Path | None
    instances: int | None
    all_traffic: bool
    record: bool
    strict: bool
    port: int | None
    ready_timeout: float | None
    until_pid: int | None

    def check(self) -> None:
        super().check()
        if self.until_pid is not None and not self.detach:
            raise SpecError("`--until-pid` needs `--detach`", hint="add it, or leave out the other")

    @property
    def owner(self) -> Owner | None:
        """The process that it goes with: this one, unless detached."""
        if not self.detach:
            return this_process()
        if self.until_pid is None:
            return None
        if not pid_exists(self.until_pid):
            raise SpecError(f"no process has this number: {self.until_pid}")
        return owner_of(self.until_pid)


def deploy_order(order: DeployOrder, *, engine_name: str | None, base: str | None) -> None:
    """Carry out an order; returns at once when detached, else when the deployment has ended."""
    settings = load_settings(engine=engine_name, base=base)
    order.check()
    deployment = read_deployment(order.file, settings)
    endpoint = endpoint_of(deployment, order.endpoint)
    engine = make_engine(settings.engine, settings.environ)
    loose = report(deployment, endpoint, engine_name=_limits(settings, engine), strict=order.strict)
    endpoints = Endpoints(settings.state_folder)
    remove_orphans(endpoints, endpoint.name, environ=settings.environ)
    _check_debug_port(order, endpoints, endpoint.name, engine)
    generated = endpoints.folder_of(endpoint.name) / deployment.name
    found = look_up(deployment, settings=settings, generated=generated)
    rollout = _rollout(order, found, endpoint, engine, settings, loose)
    check_room(rollout)
    request = found.image_request(conda=order.conda, no_cache=order.no_cache)
    image = _image(found, request, settings, engine)
    if order.detach:
        _announce(order, roll_out(rollout, image=image), settings)
        return
    _attend(order, Fleet(rollout, json=order.json), request, image, settings)


def endpoint_of(deployment: Deployment, path: Path | None) -> Endpoint:
    """The endpoint's own file, or as much as the deployment says of it.

    Raises SpecError where the two name different endpoints, or none.
    """
    named = deployment.endpoint
    if path is None:
        if named is None:
            raise deployment.file.error(
                ("name",),
                "no `endpoint_name`",
                hint="write it, or pass the endpoint's file with `--endpoint`",
            )
        return Endpoint(name=named)
    endpoint = load_endpoint(path)
    if named is not None and named != endpoint.name:
        raise deployment.file.error(
            ("endpoint_name",),
            f"the deployment is for `{named}`, but {path} is of `{endpoint.name}`",
            hint="name the same endpoint in both files",
        )
    return endpoint


def _limits(settings: Settings, engine: Engine) -> str:
    return settings.engine if settings.engine != "auto" else engine.name


def _check_debug_port(
    order: DeployOrder, endpoints: Endpoints, endpoint: str, engine: Engine
) -> None:
    """Before anything slow; what this endpoint's own replicas hold is for `roll_out` to clear."""
    holder = engine.port_holder(order.debug_port) if order.debug else None
    if holder and f"aml-emu-{endpoint}." not in holder:
        raise PortTaken(
            f"port {order.debug_port} is in use by {holder}",
            hint="stop it, or choose another with `--debug-port`",
        )
    if order.port is None:
        return
    state = endpoints.find(endpoint)
    if (state is None or state.port != order.port) and (taken := engine.port_holder(order.port)):
        raise PortTaken(
            f"port {order.port} is in use by {taken}", hint="choose another with `--port`"
        )


def _rollout(
    order: DeployOrder,
    found: Found,
    endpoint: Endpoint,
    engine: Engine,
    settings: Settings,
    loose: tuple[str, ...],
) -> Rollout:
    def dress(plan: LaunchPlan, index: int) -> LaunchPlan:
        return order.dress(plan, debugged=index == 0)

    def launched(services: list[Service]) -> None:
        name = f"{endpoint.name}.{found.deployment.name}"
        tell_waiting(order, attachment(services[0], settings, name=name))

    own = found.deployment.routes is not None
    if own and order.debug:
        raise SpecError(
            "a container of your own cannot be debugged: its server is not Azure's",
            hint="leave out `--debug`",
        )
    return Rollout(
        found=found,
        endpoint=endpoint,
        engine=engine,
        settings=settings,
        say=console.say,
        dress=dress if not own else lambda plan, _index: plan,
        owner=order.owner,
        attended=not order.detach or order.debug,
        port=order.port,
        instances=order.instances,
        all_traffic=order.all_traffic,
        recorded=order.record,
        ready_timeout=order.ready_timeout,
        ca_bundle=host_trust(settings.environ).ca_bundle,
        loose=loose,
        launched=launched,
    )


def _image(found: Found, request: ImageRequest, settings: Settings, engine: Engine) -> str:
    with BuildProgress() as progress:
        return image_of(found, request, settings, engine, say=progress.say, on_event=progress)


def _attend(
    order: DeployOrder, fleet: Fleet, request: ImageRequest, image: str, settings: Settings
) -> None:
    """In the foreground, until Ctrl-C or the end of all replicas."""
    found, endpoints = fleet.rollout.found, fleet.rollout.endpoints
    log = endpoints.log_file(fleet.rollout.endpoint.name)
    said = log.stat().st_size if log.is_file() else 0
    code = found.code
    watched = order.watch and code is not None and found.deployment.routes is None
    try:
        if not watched or code is None:
            _announce(order, fleet.up(image), settings)
            follow(log, console.say, from_byte=said)
            fleet.wait()
            return
        environment = followed(request, settings, fleet.rollout.engine)
        with Watcher(code.folder, also=environment.files) as watcher:
            _announce(order, fleet.up(image), settings)
            follow(log, console.say, from_byte=said)
            saves = Saves(
                watcher=watcher,
                served=fleet,
                mode=order.mode,
                environment=environment,
                request=request,
                settings=settings,
                engine=fleet.rollout.engine,
                renew=fleet.renew,
            )
            saves.start()
            fleet.wait()
    finally:
        fleet.down()


def _announce(order: DeployOrder, deployed: Deployed, settings: Settings) -> None:
    """Tell what stands, who gets which traffic, how to call it and how to attach."""
    state, serving = deployed.state, deployed.serving
    name = f"{state.name}.{serving.name}"
    first = deployed.services[0]
    attached = attachment(first, settings, name=name)
    if order.json:
        console.result_json(_document(deployed, attached and attached.session.address))
    what = "unchanged" if deployed.unchanged else f"{len(deployed.services)} replica(s)"
    console.say(f"`{name}` serves {shown(order.file.resolve())} at {state.scoring_uri} ({what})")
    shares = " ".join(f"{each}={share}" for each, share in state.traffic.items())
    console.fact("traffic", shares or "none: every request must name its deployment")
    if state.traffic.get(serving.name, 0) == 0:
        console.say(f"it gets no traffic: `aml-emu traffic {state.name} {serving.name}=100`")
    console.fact("try", _curl(deployed, credential(state)))
    if attached:
        attached.tell()
        console.say("under the debugger no request is refused for taking long")
    if deployed.plans and deployed.plans[0].reload:
        script = shown(first.script)
        console.fact("edit", f"{script}: saved changes are served ({order.mode})")
    console.fact("stop", f"aml-emu stop {name}" if order.detach else "Ctrl-C")


def _curl(deployed: Deployed, key: str) -> str:
    folder = deployed.services[0].code
    body = shlex.quote(sample_of(folder))
    return (
        f"curl {deployed.state.scoring_uri} -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d {body}"
    )


def _document(deployed: Deployed, debugger: Any) -> dict[str, object]:
    state = deployed.state
    return {
        "endpoint": state.name,
        "deployment": deployed.serving.name,
        "scoring_uri": state.scoring_uri,
        "auth_mode": state.auth_mode,
        "traffic": dict(state.traffic),
        "replicas": [replica.name for replica in deployed.serving.replicas],
        "unchanged": deployed.unchanged,
        "debugger": debugger and f"{debugger.host}:{debugger.port}",
    }
