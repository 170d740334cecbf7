"""What `serve` does, step by step: build, launch, wait, tell, watch, and clean up."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.cli import console
from toolkit.cli.attended import (
    Attachment,
    Attended,
    attachment,
    built,
    followed,
    sample_of,
    tell_waiting,
)
from toolkit.cli.console import shown
from toolkit.cli.watching import Running, Saves
from toolkit.dev.watch import Watcher
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.engines.trust import host_trust
from toolkit.errors import SpecError
from toolkit.live.image import ImageRequest
from toolkit.live.service import Service, make_room, start_service
from toolkit.plans.model import LaunchPlan
from toolkit.plans.service import Scoring, plan_service
from toolkit.settings import Settings, load_settings
from toolkit.specs.environment import slug
from toolkit.specs.script import check_scoring_script
from toolkit.specs.yamlfile import nearest_file


@dataclass(frozen=True, kw_only=True)
class ServeOrder(Attended):
    """The flags of `serve`, checked by nobody yet."""

    script: Path
    env: str
    models: tuple[Path, ...]
    name: str | None
    port: int
    ready_timeout: float
    platform: str | None


def serve_order(order: ServeOrder, *, engine_name: str | None, base: str | None) -> None:
    """Carry out an order; returns at once when detached, else when the service has ended."""
    settings = load_settings(engine=engine_name, base=base)
    scoring = _scoring(order)
    order.check()
    engine = make_engine(settings.engine, settings.environ)
    make_room(engine, scoring.name, [order.port, *([order.debug_port] if order.debug else [])])
    request = _request(order)
    environment = followed(request, settings, engine) if order.watch else None
    image = built(request, settings, engine)
    plan = _plan(order, scoring, settings, image=image)
    if order.detach:
        with _started(engine, plan, keep=True) as running:
            _announce(order, running.service, settings, plan)
        return
    if environment is None:
        with _started(engine, plan) as running:
            _serve_until_ended(order, running, settings, None)
        return
    with (
        Watcher(scoring.code, also=environment.files) as watcher,
        _started(engine, plan) as running,
    ):
        saves = Saves(
            watcher=watcher,
            served=running,
            mode=order.mode,
            environment=environment,
            request=request,
            settings=settings,
            engine=engine,
            renew=lambda image: _renew(
                running, _plan(order, scoring, settings, image=image), json=order.json
            ),
        )
        _serve_until_ended(order, running, settings, saves)


def _scoring(order: ServeOrder) -> Scoring:
    check_scoring_script(order.script)
    for model in order.models:
        if not model.exists():
            raise SpecError(f"model not found: {model}", hint=nearest_file(model))
    script = order.script.resolve()
    return Scoring(
        name=slug(order.name or script.parent.name),
        script=script,
        models=tuple(model.resolve() for model in order.models),
        port=order.port,
        ready_timeout=order.ready_timeout,
    )


def _request(order: ServeOrder) -> ImageRequest:
    return ImageRequest(
        env=order.env,
        kind="inference",
        conda=order.conda,
        no_cache=order.no_cache,
        platform=order.platform,
    )


def _plan(order: ServeOrder, scoring: Scoring, settings: Settings, *, image: str) -> LaunchPlan:
    trust = host_trust(settings.environ)
    plan = plan_service(scoring, image=image, project=settings.project, ca_bundle=trust.ca_bundle)
    return order.dress(plan)


@contextmanager
def _started(engine: Engine, plan: LaunchPlan, *, keep: bool = False) -> Iterator[Running]:
    """A launched service, taken away at the end; with `keep`, only if something went wrong."""
    running = Running(engine, start_service(engine, plan), plan)
    try:
        yield running
    except BaseException:
        running.stop()
        raise
    if not keep:
        running.stop()


def _renew(running: Running, plan: LaunchPlan, *, json: bool) -> bool:
    """Another container in the place of the one that serves; False if all is over meanwhile."""
    service = running.replace(plan)
    if service is None:
        return False
    console.pump(service.handle.logs(follow=True), json=json)
    if plan.probe:
        service.wait_ready(plan.probe)
    return True


def _serve_until_ended(
    order: ServeOrder, running: Running, settings: Settings, saves: Saves | None
) -> None:
    console.pump(running.service.handle.logs(follow=True), json=order.json)
    _announce(order, running.service, settings, running.plan)
    if saves:
        saves.start()
    running.wait()


def _announce(order: ServeOrder, service: Service, settings: Settings, plan: LaunchPlan) -> None:
    """Tell where to attach, wait until the service answers, tell how to call it."""
    attached = attachment(service, settings)
    tell_waiting(order, attached)
    if plan.probe:
        service.wait_ready(plan.probe)
    if order.json:
        console.result_json(_document(service, attached))
    console.say(f"`{service.name}` serves {order.script} at {service.url}/score")
    console.fact("try", _curl(service))
    if attached:
        attached.tell()
    if plan.reload:
        console.fact("edit", f"{shown(service.script)}: saved changes are served ({order.mode})")
    console.fact("stop", f"aml-emu stop {service.name}" if order.detach else "Ctrl-C")


def _curl(service: Service) -> str:
    body = shlex.quote(sample_of(service.script.parent))
    return f"curl {service.url}/score -H 'Content-Type: application/json' -d {body}"


def _document(service: Service, attached: Attachment | None) -> dict[str, object]:
    address = attached and attached.session.address
    return {
        "name": service.name,
        "id": service.handle.id,
        "url": service.url,
        "scoring_uri": f"{service.url}/score",
        "debugger": address and f"{address.host}:{address.port}",
    }
