"""aml-emu run: a script, a job file or a run configuration, as Azure ML would run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import Base, Conda, EngineOption, Json, NoCache, Platform


def run(
    file: Annotated[
        Path,
        typer.Argument(
            help="A .py script, a v2 job file (command, pipeline, sweep), a .runconfig."
        ),
    ],
    args: Annotated[
        list[str] | None, typer.Argument(help="After `--`: the script's arguments.")
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            help="For a script, or in place of the file's own: as in `aml-emu build --env`.",
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        Path | None,
        typer.Option(help="For a script: the folder to copy.  [default: its own]"),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="inputs.NAME=VALUE", help="An input.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name.", show_default=False)] = None,
    experiment: Annotated[
        str | None, typer.Option(help="The experiment.  [default: the file's, or the folder]")
    ] = None,
    debug: Annotated[
        str | None,
        typer.Option(metavar="[STEP]", help="Wait for a debugger (in that step of a pipeline)."),
    ] = None,
    debug_on_error: Annotated[
        bool, typer.Option("--debug-on-error", help="Stop at an exception that nobody catches.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            help="How many seconds a debugger is waited for.  [default: 300]",
            min=0,
            show_default=False,
        ),
    ] = None,
    debug_port: Annotated[
        int | None,
        typer.Option(
            help="Debugger port on 127.0.0.1.  [default: 5678 or the next free one]",
            min=1,
            max=65535,
            show_default=False,
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running.")] = False,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Pipelines: begin at this step.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Pipelines: this step alone.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Pipelines: reuse nothing.")] = False,
    max_parallel: Annotated[
        int | None, typer.Option(help="Pipelines: steps at a time.", min=1, show_default=False)
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Pipelines: a picture, .svg or .mmd.")
    ] = None,
    base: Base = None,
    conda: Conda = "auto",
    no_cache: NoCache = False,
    platform: Platform = None,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Run a training script or job; its output comes as it is written, Ctrl-C cancels it."""
    from toolkit.cli.run_order import RunOrder, carry_out

    carry_out(
        RunOrder(
            file=file,
            arguments=tuple(args or ()),
            env=env,
            code=code,
            values=tuple(set_ or ()),
            name=name,
            experiment=experiment,
            debug=debug,
            debug_on_error=debug_on_error,
            wait=wait,
            debug_port=debug_port,
            detach=detach,
            from_step=from_,
            only=tuple(only or ()),
            force=force,
            max_parallel=max_parallel,
            graph=graph,
            base=base,
            conda=conda,
            no_cache=no_cache,
            platform=platform,
            engine=engine,
            json=json,
        )
    )
