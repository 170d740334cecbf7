"""Images: the base found or pulled, the plan built once, an image of the same inputs reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
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
from toolkit.engines.events import BuildEvent, Transfer
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.plans import emulation
from toolkit.plans.inputs import inputs_of
from toolkit.plans.model import ImagePlan, PlacedFile

if TYPE_CHECKING:
    from docker import DockerClient

_SCRATCH = "scratch"


def build(
    client: DockerClient,
    plan: ImagePlan,
    options: BuildOptions,
    on_event: Callable[[BuildEvent], None],
    environ: Mapping[str, str],
) -> Image:
    """Build `plan` unless an image with the same inputs is there."""
    base = base_id(client, plan.base, platform=plan.platform, on_event=on_event)
    inputs, tag = plan.inputs(base), plan.tag(base)
    if not options.no_cache and (found := _same_inputs(client, tag, inputs)):
        for further in plan.tags:
            client.api.tag(found, further)
        return Image(tag=tag, id=found, built=False)
    # Only here: h2 and its tables take 0.1 s to import, which an unchanged image need not pay.
    from toolkit.engines.buildkit import BuildRequest, build_image, context_of  # noqa: PLC0415

    recipe = inputs_of(plan, base)
    if not options.no_cache and (change := change_since(client, plan.name, recipe)):
        on_event(change)

    request = BuildRequest(
        context=context_of(
            (
                *plan.context,
                PlacedFile(path=PurePosixPath("Dockerfile"), content=plan.dockerfile.encode()),
            )
        ),
        tags=(tag, *plan.tags),
        labels={
            **plan.labels,
            emulation.LABEL_INPUTS: inputs,
            emulation.LABEL_RECIPE: recipe.label(),
        },
        platform=plan.platform,
        secrets={name: options.secrets[name] for name in plan.secrets},
        no_cache=options.no_cache,
    )
    try:
        built = build_image(client.api, request, on_event=on_event, environment=environ)
    except BuildFailed as error:
        if foreign := other_processor(client, plan) or cannot_execute(error, plan.platform):
            raise foreign from error
        raise
    return Image(tag=tag, id=built, built=True)


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
