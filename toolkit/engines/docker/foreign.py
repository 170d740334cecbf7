"""Images for another processor than the engine's: which they are, and why they do not run."""

# ruff: noqa: PLC0415  # what only some commands need is imported by them

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from toolkit.errors import BuildFailed
from toolkit.plans.model import ImagePlan
from toolkit.settings import DEFAULT_BASE

if TYPE_CHECKING:
    from docker import DockerClient

_NO_EMULATION: Final = "exec format error"
_NOT_IN_THE_LIST: Final = ("no matching manifest", "no match for platform")


def is_for(attrs: Mapping[str, Any], platform: str | None) -> bool:
    """Whether an image is for this platform; any is, if none is asked for."""
    return platform is None or f"{attrs['Os']}/{attrs['Architecture']}" == platform


def refuse_our_own(reference: str, platform: str | None) -> None:
    """Our base image is in no registry, where one for the other platform could be had from."""
    if reference.removesuffix(":latest") == DEFAULT_BASE:
        raise BuildFailed(
            f"the base image `{DEFAULT_BASE}` is not made for {platform}",
            hint="name one that is with `--base`, or under [images] in aml-emu.toml",
        )


def not_made_for_it(details: str) -> bool:
    """Whether a registry has the image, but not for the platform that was asked for."""
    return any(text in details for text in _NOT_IN_THE_LIST)


def other_processor(client: DockerClient, plan: ImagePlan) -> BuildFailed | None:
    """What to say where the engine has the base, for another processor, and no one asked for it."""
    from docker.errors import ImageNotFound

    if plan.platform or plan.base == "scratch":
        return None
    try:
        attrs = client.images.get(plan.base).attrs
    except ImageNotFound:
        return None
    version = client.version()
    if is_for(attrs, f"{version['Os']}/{version['Arch']}"):
        return None
    platform = f"{attrs['Os']}/{attrs['Architecture']}"
    return BuildFailed(
        f"image `{plan.base}` is made for {platform}, this engine runs {version['Arch']}",
        hint=f"pass `--platform {platform}`, which the engine must be able to emulate",
    )


def cannot_execute(error: BuildFailed, platform: str | None) -> BuildFailed | None:
    """What to say of a build whose first program the engine could not even begin to run."""
    if _NO_EMULATION not in f"{error.message}\n{error.details}":
        return None
    wanted = platform or "the platform of the base image"
    architecture = platform.rpartition("/")[2] if platform else "all"
    return BuildFailed(
        f"this engine cannot run programs for {wanted}",
        details="\n".join(text for text in (error.message, error.details) if text),
        hint="let it emulate them: `docker run --privileged --rm tonistiigi/binfmt --install "
        f"{architecture}`, or build on a machine of that kind",
    )
