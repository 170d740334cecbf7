"""aml-emu ps, logs, stop, down: what is running, and ending it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json, Name

if TYPE_CHECKING:
    from toolkit.engines.base import Engine
    from toolkit.live.service import Service
    from toolkit.live.target import Named
    from toolkit.settings import Settings


def ps(engine: EngineOption = None, json: Json = False) -> None:
    """List services, of every project on this machine, and the endpoints of this one."""
    from toolkit.cli.tables import table
    from toolkit.live.service import find_services

    settings = _settings(engine)
    rows = _endpoint_rows(settings)
    rows += [_row(service) for service in find_services(_engine(settings))]
    if json:
        console.result_json(rows)
        return
    if not rows:
        console.say("no service is running")
        return
    titles = [each.upper() for each in _COLUMNS]
    console.result(table(titles, [[row[each] for each in _COLUMNS] for row in rows]))


def logs(
    name: Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[int | None, typer.Option(help="Only the last lines.", min=0)] = None,
    engine: EngineOption = None,
) -> None:
    """Print what a service said; of an endpoint, what its router said."""
    from toolkit.live.service import the_service

    settings = _settings(engine)
    if name and (named := _named(settings, name)):
        _deployment_logs(settings, named, follow=follow, tail=tail)
        return
    _copy(the_service(_engine(settings), name).handle.logs(follow=follow, tail=tail))


def stop(name: Name = None, engine: EngineOption = None) -> None:
    """Stop and remove one service, deployment or endpoint."""
    from toolkit.live.service import the_service

    settings = _settings(engine)
    if name and (named := _named(settings, name)):
        _stop_endpoint(settings, named)
        console.say(f"stopped `{named.name}`")
        return
    chosen = _engine(settings)
    service = the_service(chosen, name)
    stopped = service.name
    service.stop(chosen)
    console.say(f"stopped `{stopped}`")


def down(
    everywhere: Annotated[
        bool, typer.Option("--all", help="Services of every project, not just this one.")
    ] = False,
    engine: EngineOption = None,
) -> None:
    """Stop and remove all endpoints and services of this project."""
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.service import find_services
    from toolkit.plans.emulation import LABEL_PROJECT

    settings, stopped = _settings(engine), []
    for name in Endpoints(settings.state_folder).names():
        if named := _named(settings, name):
            _stop_endpoint(settings, named)
            stopped.append(name)
            console.say(f"stopped `{name}`")
    chosen, project = _engine(settings), str(settings.project)
    for service in find_services(chosen):
        if everywhere or service.handle.labels.get(LABEL_PROJECT) == project:
            stopped.append(service.name)
            service.stop(chosen)
            console.say(f"stopped `{stopped[-1]}`")
    if not stopped:
        console.say("nothing is running" if everywhere else "nothing of this project is running")


def _named(settings: Settings, name: str) -> Named | None:
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.target import named_endpoint

    return named_endpoint(Endpoints(settings.state_folder), name)


def _stop_endpoint(settings: Settings, named: Named) -> None:
    from toolkit.engines.registry import make_engine
    from toolkit.live.deployment import remove_endpoint, withdraw
    from toolkit.live.endpoint import Endpoints

    endpoints = Endpoints(settings.state_folder)
    if named.serving is None:
        remove_endpoint(
            endpoints, named.state.name, lambda each: make_engine(each, settings.environ)
        )
        return
    engine = make_engine(named.serving.engine, settings.environ)
    withdraw(endpoints, named.state.name, named.serving, engine, say=console.say)


def _deployment_logs(settings: Settings, named: Named, *, follow: bool, tail: int | None) -> None:
    from toolkit.engines.registry import make_engine
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.orphans import replicas_of

    if named.serving is None:
        if follow:
            console.warn("an endpoint's own log is not followed; name one of its deployments")
        log = Endpoints(settings.state_folder).log_file(named.state.name)
        lines = log.read_bytes().splitlines(keepends=True) if log.is_file() else []
        _copy(iter(lines if tail is None else lines[max(0, len(lines) - tail) :]))
        return
    engine = make_engine(named.serving.engine, settings.environ)
    endpoints = Endpoints(settings.state_folder)
    services = replicas_of(engine, endpoints, named.state.name, named.serving.name)
    threads = [console.pump(s.handle.logs(follow=follow, tail=tail)) for s in services]
    for thread in threads:
        thread.join()


def _copy(chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


_COLUMNS = ("name", "state", "url", "debugger", "reload", "script")


def _row(service: Service) -> dict[str, str]:
    from toolkit.plans.emulation import LABEL_RELOAD

    state = service.handle.state()
    debugger = service.debugger if state.is_running else None
    ended = f"exited ({state.exit_code})" if state.status == "exited" else state.status
    return {
        "name": service.name,
        "state": ended,
        "url": service.url if state.is_running else "",
        "debugger": f"{debugger.host}:{debugger.port}" if debugger else "",
        "reload": service.handle.labels.get(LABEL_RELOAD, ""),
        "script": str(service.script),
    }


def _endpoint_rows(settings: Settings) -> list[dict[str, str]]:
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.router.process import is_up

    endpoints = Endpoints(settings.state_folder)
    states = [endpoints.get(name) for name in endpoints.names()]
    return [
        {
            "name": state.name,
            "state": "running" if is_up(state) else "no router",
            "url": state.url if is_up(state) else "",
            "debugger": "",
            "reload": "",
            "script": "traffic " + " ".join(f"{n}={s}" for n, s in state.traffic.items()),
        }
        for state in states
        if state.deployments
    ]


def _settings(engine: str | None) -> Settings:
    from toolkit.settings import load_settings

    return load_settings(engine=engine)


def _engine(settings: Settings) -> Engine:
    from toolkit.engines.registry import make_engine

    return make_engine(settings.engine, settings.environ)
