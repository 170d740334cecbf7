"""aml-emu load: so many requests per second for so long, and how they were answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.invoke import header_pair, request_body, request_kind
from toolkit.cli.options import EngineOption, Json

if TYPE_CHECKING:
    from toolkit.live.load.run import LoadResult


def load(
    name: Annotated[
        str | None, typer.Argument(help="Endpoint, `endpoint.deployment` or service.")
    ] = None,
    rps: Annotated[int, typer.Option(help="Requests per second.", min=1)] = 10,
    seconds: Annotated[int, typer.Option("--for", help="Seconds.", min=1)] = 10,
    data: Annotated[str | None, typer.Option(help="Request body.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option(help="File with the request body.", show_default=False)
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(help="Deployment of the endpoint.", show_default=False)
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="K:V, repeatable.")] = None,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Send requests at a steady rate; exits 1 if any was not answered with 200."""
    from toolkit.engines.registry import make_engine
    from toolkit.errors import SpecError, UserCodeFailed
    from toolkit.live.load.run import load as run_load
    from toolkit.live.target import target
    from toolkit.settings import load_settings

    if (data is None) == (file is None):
        raise SpecError("give the request body: either `--data JSON` or `--file FILE`")
    settings = load_settings(engine=engine)
    found = target(
        settings,
        lambda: make_engine(settings.engine, settings.environ),
        name,
        deployment=deployment,
        say=console.say,
    )
    console.say(f"{rps} requests per second to `{found.name}` for {seconds} s")
    result = run_load(
        found,
        request_body(data, file),
        headers={**request_kind(file), **dict(header_pair(text) for text in header or ())},
        rps=rps,
        seconds=seconds,
        environ=settings.environ,
    )
    _tell(result, json=json)
    if result.failures:
        raise UserCodeFailed(
            f"{result.failures} of {result.requests} requests were not answered with 200",
            hint=f"run `aml-emu logs {found.name}` to see why",
        )


def _tell(result: LoadResult, *, json: bool) -> None:
    if json:
        console.result_json(
            {
                "requests": result.requests,
                "failures": result.failures,
                "requests_per_second": round(result.per_second, 2),
                "seconds": round(result.seconds, 3),
                "milliseconds": {
                    **{f"p{each}": round(ms, 3) for each, ms in result.percentiles.items()},
                    "mean": round(result.mean, 3),
                    "max": round(result.largest, 3),
                },
                "statuses": dict(result.statuses),
            }
        )
        return
    times = "  ".join(f"p{each} {ms:.1f} ms" for each, ms in result.percentiles.items())
    statuses = "  ".join(f"{status}: {count}" for status, count in result.statuses.items())
    console.result(f"requests   {result.requests}, {result.per_second:.1f} per second")
    console.result(f"latencies  {times}  max {result.largest:.1f} ms")
    console.result(f"statuses   {statuses}")
