"""aml-emu promote: the commands that bring the same files to the cloud."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.console import shown

if TYPE_CHECKING:
    from toolkit.live.endpoint import EndpointState, Serving
    from toolkit.settings import Settings
    from toolkit.specs.deployment import Deployment


def promote(
    name: Annotated[str, typer.Argument(help="Endpoint or `endpoint.deployment`, as deployed.")],
    endpoint: Annotated[
        Path | None, typer.Option(help="Online endpoint YAML.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what was emulated loosely.")] = False,
) -> None:
    """Print the `az` commands for what is deployed here; runs none of them."""
    from toolkit.errors import SpecError
    from toolkit.live.endpoint import Endpoints
    from toolkit.live.target import named_endpoint
    from toolkit.settings import load_settings

    settings = load_settings()
    endpoints = Endpoints(settings.state_folder)
    named = named_endpoint(endpoints, name)
    state = named.state if named else endpoints.get(name)
    chosen = [named.serving] if named and named.serving else list(state.deployments.values())
    if not chosen:
        raise SpecError(f"nothing is deployed to `{name}`", hint="run `aml-emu deploy FILE` first")
    if endpoint is not None:
        _check_file(endpoint, state)
    elif chosen[0].kind == "kubernetes":
        raise SpecError(
            f"`{state.name}` is for Kubernetes, and only its file can name the `compute`",
            hint="pass it with `--endpoint`",
        )
    _refuse_loose(chosen, force=force)
    for line in _commands(state, chosen, endpoint, settings):
        console.result(line)


def _check_file(file: Path, state: EndpointState) -> None:
    from toolkit.errors import SpecError
    from toolkit.specs.endpoint import load_endpoint

    named = load_endpoint(file).name
    if named != state.name:
        raise SpecError(
            f"{file}: the endpoint is `{named}`, and what is promoted is on `{state.name}`",
            hint="pass the file of that endpoint",
        )


def _refuse_loose(chosen: list[Serving], *, force: bool) -> None:
    from toolkit.errors import SpecError

    loose = [f"{serving.file}: `{key}`" for serving in chosen for key in serving.loose]
    if loose and not force:
        raise SpecError(
            f"what was tried here is not what the cloud does, for {len(loose)} key(s)",
            details="\n".join(loose),
            hint="look at them, then pass `--force`",
        )
    for each in loose:
        console.warn(f"only approximated here: {each}")


def _commands(
    state: EndpointState, chosen: list[Serving], endpoint: Path | None, settings: Settings
) -> list[str]:
    """In the order in which they must run; shares of traffic last, when all are there."""
    from toolkit.live.lookup import read_deployment

    lines = []
    for serving in chosen:
        lines += _registrations(read_deployment(serving.file, settings), settings)
    lines.append(
        _line("az", "ml", "online-endpoint", "create", "--file", str(shown(endpoint.resolve())))
        if endpoint
        else _line(
            "az", "ml", "online-endpoint", "create", "--name", state.name,
            "--auth-mode", state.auth_mode,
        )
    )  # fmt: skip
    lines += [
        _line(
            "az", "ml", "online-deployment", "create", "--endpoint-name", state.name,
            "--file", str(shown(serving.file)),
        )
        for serving in chosen
    ]  # fmt: skip
    names = {serving.name for serving in chosen}
    for flag, shares in (("--traffic", state.traffic), ("--mirror-traffic", state.mirror)):
        wanted = " ".join(f"{each}={share}" for each, share in shares.items() if each in names)
        if wanted and (flag != "--traffic" or set(shares) <= names):
            lines.append(
                _line("az", "ml", "online-endpoint", "update", "--name", state.name, flag, wanted)
            )
    return lines


def _registrations(deployment: Deployment, settings: Settings) -> list[str]:
    """The model has to be in the cloud's workspace too, under the same version."""
    from toolkit.specs.deployment import ModelReference
    from toolkit.workspace.workspace import Workspace

    if not isinstance(deployment.model, ModelReference):
        return []
    with Workspace.open(settings.state_folder) as workspace:
        asset = workspace.assets.get("model", deployment.model.text)
    return [
        _line(
            "az", "ml", "model", "create", "--name", asset.name, "--version", asset.version,
            "--type", asset.type or "custom_model", "--path", str(asset.path or asset.uri),
        )
    ]  # fmt: skip


def _line(*words: str) -> str:
    return shlex.join(words)
