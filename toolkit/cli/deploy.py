"""aml-emu deploy: a v2 online deployment file, served behind its endpoint as in the cloud."""

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
    Json,
    NoCache,
    Reload,
    WaitBeforeInit,
    Watch,
)


def deploy(
    file: Annotated[Path, typer.Argument(help="Managed or Kubernetes online deployment YAML.")],
    endpoint: Annotated[
        Path | None, typer.Option(help="Online endpoint YAML.", show_default=False)
    ] = None,
    instances: Annotated[
        int | None,
        typer.Option(min=1, help="Replicas.  [default: `instance_count`]", show_default=False),
    ] = None,
    all_traffic: Annotated[
        bool, typer.Option("--all-traffic", help="Give it all of the endpoint's traffic.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep requests and answers for `aml-emu replay`.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on a key that is approximated or ignored.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="The endpoint's port.  [default: 8000]", show_default=False
        ),
    ] = None,
    debug_port: DebugPort = 5678,
    debug: Annotated[
        bool, typer.Option("--debug", help="Let an IDE attach to the first replica.")
    ] = False,
    wait: WaitBeforeInit = None,
    break_on_errors: BreakOnErrors = True,
    watch: Watch = None,
    reload: Reload = None,
    ready_timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds init() may take.  [default: the readiness probe's]",
            min=0,
            show_default=False,
        ),
    ] = None,
    detach: Detach = False,
    until_pid: Annotated[
        int | None,
        typer.Option(
            metavar="PID", help="With --detach: until this process has ended.", show_default=False
        ),
    ] = None,
    base: Base = None,
    conda: Conda = "auto",
    no_cache: NoCache = False,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Deploy; in the foreground until Ctrl-C, unless detached."""
    from toolkit.cli.deploying import DeployOrder, deploy_order

    deploy_order(
        DeployOrder(
            file=file,
            endpoint=endpoint,
            instances=instances,
            all_traffic=all_traffic,
            record=record,
            strict=strict,
            port=port,
            debug_port=debug_port,
            debug=debug or wait is not None,
            wait=wait,
            break_on_errors=break_on_errors,
            watch=not detach if watch is None else watch,
            reload=reload,
            ready_timeout=ready_timeout,
            detach=detach,
            until_pid=until_pid,
            conda=conda,
            no_cache=no_cache,
            json=json,
        ),
        engine_name=engine,
        base=base,
    )
