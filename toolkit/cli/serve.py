"""aml-emu serve: one scoring script in the inference layout, with a debugger and hot reload."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import (
    Base,
    BreakOnErrors,
    Conda,
    DebugPort,
    Detach,
    EngineOption,
    Env,
    Json,
    Models,
    NoCache,
    Platform,
    Reload,
    WaitBeforeInit,
    Watch,
)


def serve(
    script: Annotated[Path, typer.Argument(help="The scoring script, with init() and run().")],
    env: Env,
    model: Models = None,
    name: Annotated[str | None, typer.Option(help="Service name.", show_default=False)] = None,
    port: Annotated[int, typer.Option(help="Scoring port on 127.0.0.1.", min=1, max=65535)] = 8000,
    debug_port: DebugPort = 5678,
    debug: Annotated[bool, typer.Option("--debug", help="Let an IDE attach.")] = False,
    wait: WaitBeforeInit = None,
    break_on_errors: BreakOnErrors = True,
    watch: Watch = None,
    reload: Reload = None,
    ready_timeout: Annotated[float, typer.Option(help="Seconds init() may take.", min=0)] = 120.0,
    detach: Detach = False,
    base: Base = None,
    conda: Conda = "auto",
    no_cache: NoCache = False,
    platform: Platform = None,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Serve a scoring script; in the foreground until Ctrl-C, unless detached."""
    from toolkit.cli.foreground import ServeOrder, serve_order

    serve_order(
        ServeOrder(
            script=script,
            env=env,
            models=tuple(model or ()),
            name=name,
            port=port,
            debug_port=debug_port,
            debug=debug or wait is not None,
            wait=wait,
            break_on_errors=break_on_errors,
            watch=not detach if watch is None else watch,
            reload=reload,
            ready_timeout=ready_timeout,
            detach=detach,
            conda=conda,
            no_cache=no_cache,
            platform=platform,
            json=json,
        ),
        engine_name=engine,
        base=base,
    )
