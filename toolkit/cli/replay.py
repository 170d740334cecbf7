"""aml-emu replay: send recorded requests again, under the debugger or to see what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import Json

if TYPE_CHECKING:
    from toolkit.live.record import Record, Replay


def replay(
    name: Annotated[str, typer.Argument(help="Endpoint or `endpoint.deployment`.")],
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Its id or the begin of it; else the last.")
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Send it to the replica under the debugger.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="All that are kept.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show which answers changed; exits 1 if any did.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Only list what is kept.")] = False,
    deployment: Annotated[
        str | None,
        typer.Option(help="Send to this one.  [default: who answered then]", show_default=False),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds; 0 waits for ever.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Send recorded requests again."""
    from toolkit.errors import SpecError, UserCodeFailed
    from toolkit.live import record
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.target import NotAnEndpoint, target_of_endpoint
    from toolkit.settings import load_settings

    if every and id_ is not None:
        raise SpecError("`--all` and an id exclude each other", hint="leave out one of the two")
    if show and (every or debug or diff or deployment or id_ is not None):
        raise SpecError(
            "`--list` sends nothing", hint="leave it out, or whatever else was asked for"
        )
    settings = load_settings()
    endpoint, _, of = name.partition(".")
    folder = Endpoints(settings.state_folder).folder_of(endpoint) / "records"
    kept = record.records(folder, deployment=of or None)
    if show:
        _list(kept, json=json)
        return
    chosen = kept if every else [record.the_record(folder, id_, deployment=of or None)]
    if not chosen:
        raise NotAnEndpoint(endpoint)
    to = target_of_endpoint(
        settings, endpoint, deployment=deployment, debugged=debug, say=console.say
    )
    replays = [record.replay(each, to, timeout=timeout or None) for each in chosen]
    changed = [each for each in replays if not each.is_same]
    if json:
        console.result_json([_document(each) for each in replays])
    elif diff:
        _show_changes(changed)
    else:
        for each in replays:
            console.result(each.answer.text)
    if diff or every:
        console.say(f"{len(changed)} of {len(replays)} answers changed")
    if diff and changed:
        raise UserCodeFailed(f"{len(changed)} of {len(replays)} answers are not what they were")


def _list(kept: list[Record], *, json: bool) -> None:
    rows = [
        {
            "id": each.id,
            "time": each.time,
            "deployment": each.deployment,
            "status": each.status,
            "milliseconds": each.milliseconds,
            "request": f"{each.method} {each.path}",
        }
        for each in kept
    ]
    if json:
        console.result_json(rows)
        return
    for row in rows:
        console.result("  ".join(str(value) for value in row.values()))


def _show_changes(changed: list[Replay]) -> None:
    for each in changed:
        for line in each.diff():
            console.result(line)


def _document(replayed: Replay) -> dict[str, object]:
    return {
        "id": replayed.record.id,
        "same": replayed.is_same,
        "status_then": replayed.record.status,
        "status": replayed.answer.status,
        "body": replayed.answer.text,
        "milliseconds": round(replayed.answer.seconds * 1000, 3),
    }
