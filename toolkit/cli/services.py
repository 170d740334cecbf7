"""aml-emu ps, logs, stop, down: what is running, and ending it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json, Name

if TYPE_CHECKING:
    from toolkit.engines.base import Engine
    from toolkit.live.service import Service


def ps(engine: EngineOption = None, json: Json = False) -> None:
    """List services, of every project on this machine."""
    from toolkit.live.service import find_services

    rows = [_row(service) for service in find_services(_engine(engine))]
    if json:
        console.result_json(rows)
        return
    if not rows:
        console.say("no service is running")
        return
    widths = [max(len(row[key]) for row in [*rows, _TITLES]) for key in _TITLES]
    for row in [_TITLES, *rows]:
        cells = (row[key].ljust(width) for key, width in zip(_TITLES, widths, strict=True))
        console.result("  ".join(cells).rstrip())


def logs(
    name: Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[int | None, typer.Option(help="Only the last lines.")] = None,
    engine: EngineOption = None,
) -> None:
    """Print what a service said."""
    from toolkit.live.service import the_service

    service = the_service(_engine(engine), name)
    for chunk in service.handle.logs(follow=follow, tail=tail):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def stop(name: Name = None, engine: EngineOption = None) -> None:
    """Stop and remove one service."""
    from toolkit.live.service import the_service

    chosen = _engine(engine)
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
    """Stop and remove all services of this project."""
    from toolkit.live.service import find_services
    from toolkit.plans.emulation import LABEL_PROJECT
    from toolkit.settings import load_settings

    chosen, project = _engine(engine), str(load_settings().project)
    for service in find_services(chosen):
        if everywhere or service.handle.labels.get(LABEL_PROJECT) == project:
            stopped = service.name
            service.stop(chosen)
            console.say(f"stopped `{stopped}`")


_TITLES = {
    "name": "NAME",
    "state": "STATE",
    "url": "URL",
    "debugger": "DEBUGGER",
    "reload": "RELOAD",
    "script": "SCRIPT",
}


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


def _engine(name: str | None) -> Engine:
    from toolkit.engines.registry import make_engine
    from toolkit.settings import load_settings

    settings = load_settings(engine=name)
    return make_engine(settings.engine, settings.environ)
