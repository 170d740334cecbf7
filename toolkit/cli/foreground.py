"""What `serve` does, step by step: build, launch, wait, tell, watch, and clean up."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.cli import console
from toolkit.cli.progress import BuildProgress
from toolkit.cli.watching import Running, Saves
from toolkit.dev.debug import DebugSession, PathMapping, workspace_of, write_launch_json
from toolkit.dev.watch import Watcher
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.engines.trust import host_trust
from toolkit.errors import SpecError
from toolkit.live.delta import FollowedEnvironment
from toolkit.live.image import ImageRequest, build_image
from toolkit.live.service import Service, make_room, start_service
from toolkit.plans.debug import DebugOptions, under_debugger
from toolkit.plans.model import CondaMode, LaunchPlan, ReloadMode
from toolkit.plans.service import Scoring, plan_service, under_reload
from toolkit.settings import Settings, load_settings
from toolkit.specs.environment import slug
from toolkit.specs.script import check_scoring_script

_SAMPLE_REQUEST = "sample-request.json"


@dataclass(frozen=True, kw_only=True)
class ServeOrder:
    """The flags of `serve`, checked by nobody yet."""

    script: Path
    env: str
    models: tuple[Path, ...]
    name: str | None
    port: int
    debug_port: int
    debug: bool
    wait: float | None
    break_on_errors: bool
    watch: bool
    reload: ReloadMode
    ready_timeout: float
    detach: bool
    conda: CondaMode
    no_cache: bool
    platform: str | None
    json: bool


def serve_order(order: ServeOrder, *, engine_name: str | None, base: str | None) -> None:
    """Carry out an order; returns at once when detached, else when the service has ended."""
    settings = load_settings(engine=engine_name, base=base)
    scoring = _scoring(order)
    if order.watch and order.detach:
        raise SpecError(
            "`--watch` needs the foreground", hint="leave out `--detach`, or add `--no-watch`"
        )
    engine = make_engine(settings.engine, settings.environ)
    make_room(engine, scoring.name, [order.port, *([order.debug_port] if order.debug else [])])
    request = _request(order)
    environment = _followed(request, settings, engine) if order.watch else None
    image = _image(request, settings, engine)
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
            running=running,
            mode=order.reload,
            environment=environment,
            request=request,
            settings=settings,
            replan=lambda image: _plan(order, scoring, settings, image=image),
        )
        _serve_until_ended(order, running, settings, saves)


def _scoring(order: ServeOrder) -> Scoring:
    check_scoring_script(order.script)
    for model in order.models:
        if not model.exists():
            raise SpecError(f"model not found: {model}")
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


def _followed(request: ImageRequest, settings: Settings, engine: Engine) -> FollowedEnvironment:
    return FollowedEnvironment(request, settings, platform=engine.check().platform)


def _image(request: ImageRequest, settings: Settings, engine: Engine) -> str:
    with BuildProgress() as progress:
        image = build_image(request, settings, engine, say=progress.say, on_event=progress)
    console.say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
    return image.tag


def _plan(order: ServeOrder, scoring: Scoring, settings: Settings, *, image: str) -> LaunchPlan:
    trust = host_trust(settings.environ)
    plan = plan_service(scoring, image=image, project=settings.project, ca_bundle=trust.ca_bundle)
    token = secrets.token_hex(16)
    if order.watch:
        plan = under_reload(plan, mode=order.reload, token=token)
    if order.debug:
        options = DebugOptions(
            port=order.debug_port,
            wait=order.wait,
            break_on_errors=order.break_on_errors,
            token=token,
        )
        plan = under_debugger(plan, options)
    return plan


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


def _serve_until_ended(
    order: ServeOrder, running: Running, settings: Settings, saves: Saves | None
) -> None:
    console.pump(running.service.handle.logs(follow=True))
    _announce(order, running.service, settings, running.plan)
    if saves:
        saves.start()
    running.wait()


def _announce(order: ServeOrder, service: Service, settings: Settings, plan: LaunchPlan) -> None:
    """Tell where to attach, wait until the service answers, tell how to call it."""
    session = _debug_session(service)
    workspace = workspace_of(service.script, project=settings.project)
    if session:
        launch_json = write_launch_json(session, workspace)
        if order.wait is not None:
            console.say(f"waiting up to {order.wait:g} s for a debugger before init()")
            _tell_attach(session, launch_json)
    if plan.probe:
        service.wait_ready(plan.probe)
    if order.json:
        console.result_json(_document(service, session))
    console.say(f"`{service.name}` serves {order.script} at {service.url}/score")
    console.fact("try", _curl(service))
    if session:
        _tell_attach(session, launch_json)
    if plan.reload:
        console.fact("edit", f"{_shown(service.script)}: saved changes are served ({order.reload})")
    console.fact("stop", f"aml-emu stop {service.name}" if order.detach else "Ctrl-C")


def _debug_session(service: Service) -> DebugSession | None:
    if service.debugger is None:
        return None
    return DebugSession(
        name=service.name,
        address=service.debugger,
        mappings=(PathMapping(local=service.script.parent, remote=service.app_root),),
    )


def _tell_attach(session: DebugSession, launch_json: Path) -> None:
    where = f"{session.address.host}:{session.address.port}"
    mapping = session.mappings[0]
    console.fact("attach", f"F5 in VS Code, `{session.title}` (in {_shown(launch_json)})")
    console.fact("", f"or any DAP client: {where}, {mapping.local} -> {mapping.remote}")


def _curl(service: Service) -> str:
    sample = service.script.parent / _SAMPLE_REQUEST
    body = f"@{_shown(sample)}" if sample.is_file() else '{"data": []}'
    return f"curl {service.url}/score -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _shown(path: Path) -> Path:
    """The path as somebody in this folder would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _document(service: Service, session: DebugSession | None) -> dict[str, object]:
    return {
        "name": service.name,
        "id": service.handle.id,
        "url": service.url,
        "scoring_uri": f"{service.url}/score",
        "debugger": session and f"{session.address.host}:{session.address.port}",
    }
