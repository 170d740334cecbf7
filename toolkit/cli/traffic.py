"""aml-emu traffic, credentials: who gets which share of the requests, and with which key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import Json

if TYPE_CHECKING:
    from toolkit.live.endpoint import Endpoints, EndpointState


def traffic(
    endpoint: Annotated[str, typer.Argument(help="Endpoint name.")],
    shares: Annotated[
        list[str] | None, typer.Argument(help="`blue=90 green=10`; nothing: show what it is.")
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(help="`green=10`: copy that many requests to it.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Show or set the traffic of an endpoint."""
    from toolkit.errors import SpecError
    from toolkit.live.router.process import renew_router
    from toolkit.specs.endpoint import check_known, mirror_problem, read_traffic, traffic_problem

    endpoints, state = _endpoint(endpoint)
    wanted = read_traffic(shares) if shares else dict(state.traffic)
    mirrored = read_traffic([mirror]) if mirror is not None else dict(state.mirror)
    for problem in (traffic_problem(wanted), mirror_problem(mirrored)):
        if problem:
            raise SpecError(problem)
    check_known(
        {**(wanted if shares else {}), **(mirrored if mirror else {})},
        list(state.deployments),
        where=f"endpoint `{endpoint}`",
    )
    if shares or mirror is not None:
        state = endpoints.change(  # only what was asked for: another command may set the rest
            endpoint,
            lambda found: replace(
                found,
                traffic=wanted if shares else found.traffic,
                mirror=found.mirror if mirror is None else mirrored,
            ),
        )
        if state.deployments:
            renew_router(state)
    document = {"traffic": dict(state.traffic), "mirror_traffic": dict(state.mirror)}
    if json:
        console.result_json(document)
        return
    console.result(" ".join(f"{name}={share}" for name, share in state.traffic.items()) or "none")
    if state.mirror:
        copies = " ".join(f"{name}={share}" for name, share in state.mirror.items())
        console.say(f"mirrored: {copies}")


def credentials(
    endpoint: Annotated[str, typer.Argument(help="Endpoint name.")],
    regenerate: Annotated[
        str | None, typer.Option(help="Replace the key: primary or secondary.", show_default=False)
    ] = None,
) -> None:
    """Print an endpoint's keys, or a token, as `az ml online-endpoint get-credentials` does."""
    from toolkit.errors import SpecError
    from toolkit.live.endpoint import new_key
    from toolkit.live.router.access import make_token
    from toolkit.live.router.process import renew_router

    endpoints, state = _endpoint(endpoint)
    if regenerate not in {None, "primary", "secondary"}:
        raise SpecError(f"not a key: {regenerate}", hint="valid: `primary`, `secondary`")
    if regenerate == "primary":
        state = endpoints.change(endpoint, lambda found: replace(found, primary=new_key()))
    elif regenerate == "secondary":
        state = endpoints.change(endpoint, lambda found: replace(found, secondary=new_key()))
    if regenerate and state.deployments:
        renew_router(state)
    if state.auth_mode == "key":
        console.result_json({"primaryKey": state.primary, "secondaryKey": state.secondary})
    else:
        console.result_json(make_token(state))


def _endpoint(name: str) -> tuple[Endpoints, EndpointState]:
    from toolkit.live.deployment import repaired
    from toolkit.live.endpoint import Endpoints
    from toolkit.settings import load_settings

    settings = load_settings()
    endpoints = Endpoints(settings.state_folder)
    endpoints.get(name)
    return endpoints, repaired(endpoints, name, environ=settings.environ, say=console.say)
