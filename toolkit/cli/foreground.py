"""What `serve` does, step by step: build, launch, wait, tell, watch, and clean up."""

from __future__ import annotations

import secrets
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.cli import console
from toolkit.cli.progress import BuildProgress
from toolkit.dev.debug import DebugSession, PathMapping, workspace_of, write_launch_json
from toolkit.dev.reload import Agent
from toolkit.dev.watch import Watcher
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.engines.trust import host_trust
from toolkit.errors import EmuError, SpecError
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
    image = _image(order, settings, engine)
    plan = _plan(order, scoring, settings, image=image)
    if order.detach:
        with _started(engine, plan, keep=True) as service:
            _announce(order, service, settings, plan)
        return
    if order.watch:
        with Watcher(scoring.code) as watcher, _started(engine, plan) as service:
            _serve_until_ended(order, service, settings, plan, watcher)
    else:
        with _started(engine, plan) as service:
            _serve_until_ended(order, service, settings, plan, None)


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


def _image(order: ServeOrder, settings: Settings, engine: Engine) -> str:
    request = ImageRequest(
        env=order.env,
        kind="inference",
        conda=order.conda,
        no_cache=order.no_cache,
        platform=order.platform,
    )
    with BuildProgress() as progress:
        image = build_image(request, settings, engine, say=console.say, on_event=progress)
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
def _started(engine: Engine, plan: LaunchPlan, *, keep: bool = False) -> Iterator[Service]:
    """A launched service, taken away at the end; with `keep`, only if something went wrong."""
    service = start_service(engine, plan)
    try:
        yield service
    except BaseException:
        service.stop(engine)
        raise
    if not keep:
        service.stop(engine)


def _serve_until_ended(
    order: ServeOrder,
    service: Service,
    settings: Settings,
    plan: LaunchPlan,
    watcher: Watcher | None,
) -> None:
    console.pump(service.handle.logs(follow=True))
    _announce(order, service, settings, plan)
    if watcher and plan.reload:
        agent = Agent(service.handle, plan.reload.token)
        threading.Thread(
            target=_reload_on_save,
            args=(watcher, agent, plan.reload.mode),
            name="reload-on-save",
            daemon=True,
        ).start()
    raise service.ended(service.handle.wait())


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


def _reload_on_save(watcher: Watcher, agent: Agent, mode: ReloadMode) -> None:
    if watcher.polling:
        console.say("this file system reports no changes: looking at the files every 0.2 s")
    for batch in watcher.batches():
        names = ", ".join(sorted(str(path.relative_to(watcher.folder)) for path in batch)[:5])
        try:
            result = agent.reload(batch, code=watcher.folder, mode=mode)
        except EmuError as error:
            console.error(error)
            continue
        if result.ok:
            console.say(f"reloaded {names} in {result.milliseconds:.0f} ms: {result.said}")
        else:
            console.warn(f"{names}: {result.stage} failed, the old code goes on answering")
            console.traceback(result.traceback)
