"""aml-emu debug: breakpoints from the terminal, explained or hit without an IDE."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json, Name

if TYPE_CHECKING:
    from toolkit.engines.base import Engine

app = typer.Typer(
    help="Breakpoints from the terminal.", no_args_is_help=True, rich_markup_mode=None
)
_NOT_BOUND = 1

PlaceArgument = Annotated[
    str, typer.Argument(metavar="FILE:LINE", help="Where, as in score.py:12.", show_default=False)
]


@app.command()
def explain(
    place: PlaceArgument, name: Name = None, engine: EngineOption = None, json: Json = False
) -> None:
    """Say why a breakpoint there does or does not bind; exits 1 unless one is set and binds."""
    from toolkit.dev.explain import judge
    from toolkit.dev.explain_evidence import gather, read_place

    report = judge(gather(_engine(engine), read_place(place), name))
    if json:
        console.result_json(report.document())
    else:
        console.result(report.said)
        for label, text in report.facts():
            console.result(f"  {label:<8} {text}")
        for problem in report.problems:
            console.result(f"  {'do':<8} {problem.todo}")
    if not report.binds:
        raise typer.Exit(_NOT_BOUND)


@app.command()
def trace(
    place: PlaceArgument,
    name: Name = None,
    print_: Annotated[
        list[str] | None,
        typer.Option("--print", metavar="EXPR", help="Evaluated at each hit; repeatable."),
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="Leave after so many hits.")] = 1,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for them.")] = 60.0,
    data: Annotated[
        str | None, typer.Option(help="Send this request body itself.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="The same, from a file.", show_default=False)
    ] = None,
    engine: EngineOption = None,
) -> None:
    """A breakpoint without an IDE: one JSON line on stdout for each hit, then the code goes on."""
    from toolkit.cli.invoke import request_body
    from toolkit.dev.explain_evidence import read_place
    from toolkit.dev.trace import TraceOrder, trace_hits
    from toolkit.errors import SpecError

    if data is not None and file is not None:
        raise SpecError("give the request body once: either `--data JSON` or `--file FILE`")
    sends = data is not None or file is not None
    order = TraceOrder(
        place=read_place(place),
        expressions=tuple(print_ or ()),
        times=times,
        timeout=timeout,
        body=request_body(data, file) if sends else None,
    )
    for hit in trace_hits(_engine(engine), name, order, say=console.say):
        console.result(dumps(hit.document()))


def _engine(name: str | None) -> Engine:
    from toolkit.engines.registry import make_engine
    from toolkit.settings import load_settings

    settings = load_settings(engine=name)
    return make_engine(settings.engine, settings.environ)
