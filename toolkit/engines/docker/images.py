"""Images: the base found or pulled, the plan built once, an image of the same inputs reused."""

# ruff: noqa: PLC0415  # what only some commands need is imported by them

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from docker.errors import APIError, ImageNotFound
from requests.exceptions import ConnectionError as Disconnected

from toolkit.engines.base import BuildOptions, Image
from toolkit.engines.docker.earlier import change_since
from toolkit.engines.docker.foreign import (
    cannot_execute,
    is_for,
    not_made_for_it,
    other_processor,
    refuse_our_own,
)
from toolkit.engines.events import BuildEvent, ImageReady, Transfer
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.plans import emulation
from toolkit.plans.inputs import inputs_of
from toolkit.plans.model import ImagePlan, PlacedFile, joint_id

if TYPE_CHECKING:
    from docker import DockerClient

    from toolkit.engines.buildkit import BuildRequest

_SCRATCH = "scratch"


def build(
    client: DockerClient,
    plan: ImagePlan,
    options: BuildOptions,
    on_event: Callable[[BuildEvent], None],
    environ: Mapping[str, str],
) -> Image:
    """Build `plan` unless an image with the same inputs is there."""
    base = joint_id(
        *(
            base_id(client, reference, platform=plan.platform, on_event=on_event)
            for reference in (plan.base, *plan.others)
        )
    )
    inputs, tag = plan.inputs(base), plan.tag(base)
    if not options.no_cache and (found := _same_inputs(client, tag, inputs)):
        for further in plan.tags:
            client.api.tag(found, further)
        return Image(tag=tag, id=found, built=False)
    # Only here: h2 and its tables take 0.1 s to import, which an unchanged image need not pay.
    from toolkit.engines.buildkit import build_image
    from toolkit.engines.buildkit.buildx import BUILDER_VARIABLE

    recipe = inputs_of(plan, base)
    if not options.no_cache and (change := change_since(client, plan.name, recipe)):
        on_event(change)

    request = request_of(
        plan,
        options,
        tags=(tag, *plan.tags),
        labels={emulation.LABEL_INPUTS: inputs, emulation.LABEL_RECIPE: recipe.label()},
    )
    try:
        if builder := environ.get(BUILDER_VARIABLE):
            built = _by_buildx(client, request, builder, on_event, environ)
        else:
            built = build_image(client.api, request, on_event=on_event, environment=environ)
    except BuildFailed as error:
        if foreign := other_processor(client, plan) or cannot_execute(error, plan.platform):
            raise foreign from error
        raise
    return Image(tag=tag, id=built, built=True)


def _by_buildx(
    client: DockerClient,
    request: BuildRequest,
    builder: str,
    on_event: Callable[[BuildEvent], None],
    environ: Mapping[str, str],
) -> str:
    """The id of the image, which buildx has loaded into the engine."""
    from toolkit.engines.buildkit.buildx import build as build_by_buildx
    from toolkit.engines.buildkit.proxies import proxy_build_args

    # The Docker configuration's own are added by the command.
    proxies = proxy_build_args({}, environ, network=request.network)
    request = replace(request, build_args={**proxies, **request.build_args})
    build_by_buildx(request, builder, on_event=on_event, environ=environ)
    image = str(client.images.get(request.tags[0]).id)
    on_event(ImageReady(id=image))
    return image


def request_of(
    plan: ImagePlan,
    options: BuildOptions,
    *,
    tags: tuple[str, ...] = (),
    labels: Mapping[str, str] = MappingProxyType({}),
    without_image: bool = False,
) -> BuildRequest:
    """A plan as the engine's builder takes it."""
    from toolkit.engines.buildkit import BuildRequest, context_of  # as above

    dockerfile = PlacedFile(path=PurePosixPath("Dockerfile"), content=plan.dockerfile.encode())
    return BuildRequest(
        context=context_of((*plan.context, dockerfile)),
        tags=tags,
        labels={**plan.labels, **labels},
        platform=plan.platform,
        secrets={name: options.secrets[name] for name in plan.secrets},
        no_cache=options.no_cache,
        without_image=without_image,
    )


def base_id(
    client: DockerClient,
    reference: str,
    *,
    platform: str | None,
    on_event: Callable[[BuildEvent], None],
) -> str:
    """The ID of the base, pulled if it is not there. `scratch` stands for itself."""
    if reference == _SCRATCH:
        return _SCRATCH
    try:
        image = client.images.get(reference)
    except ImageNotFound:
        pass
    else:
        if is_for(image.attrs, platform):
            return str(image.id)
        refuse_our_own(reference, platform)
    name, _, tag = reference.partition("@") if "@" in reference else _split(reference)
    try:
        for line in client.api.pull(name, tag=tag, platform=platform, stream=True, decode=True):
            if "error" in line:
                raise _cannot_pull(reference, platform, line["error"])
            detail = line.get("progressDetail") or {}
            on_event(
                Transfer(
                    step=0,
                    what=f"{line.get('status', '')} {line.get('id', '')}".strip(),
                    current=detail.get("current", 0),
                    total=detail.get("total", 0),
                )
            )
        return str(client.images.get(reference).id)
    except (APIError, ImageNotFound) as error:
        raise _cannot_pull(reference, platform, str(error)) from error
    except Disconnected as error:
        raise EngineUnavailable("Docker went away during the pull", details=str(error)) from error


def _split(reference: str) -> tuple[str, str, str]:
    """`host:5000/name:tag` into name and tag; no tag means `latest`."""
    head, colon, tag = reference.rpartition(":")
    if colon and "/" not in tag:
        return head, colon, tag
    return reference, "", "latest"


def _cannot_pull(reference: str, platform: str | None, details: str) -> BuildFailed:
    if not_made_for_it(details) and not platform:
        return BuildFailed(
            f"image `{reference}` is not made for this engine's processor",
            details=details.strip(),
            hint="pass `--platform linux/amd64`: the engine may be able to emulate it",
        )
    wanted = f" for {platform}" if platform else ""
    return BuildFailed(
        f"image `{reference}` is not here{wanted} and cannot be pulled",
        details=details.strip(),
        hint="run `aml-emu base make` and name a stand-in under [images] in aml-emu.toml: "
        f'"{reference}" = "aml-emu/base"',
    )


def _same_inputs(client: DockerClient, tag: str, inputs: str) -> str | None:
    try:
        image = client.images.get(tag)
    except ImageNotFound:
        return None
    return str(image.id) if image.labels.get(emulation.LABEL_INPUTS) == inputs else None


def is_local(client: DockerClient, reference: str) -> bool:
    """Whether the engine has the image already."""
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True
