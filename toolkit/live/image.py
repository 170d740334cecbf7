"""From an environment to an image on an engine: load, resolve, plan, build."""

from __future__ import annotations

import platform as host
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from toolkit.engines.base import BuildOptions, Engine, Image
from toolkit.engines.events import BuildEvent
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust, host_trust
from toolkit.live.base import make_base
from toolkit.plans.dockerfile import OwnImage, own_name, plan_own_image
from toolkit.plans.foundation import foundation_of, listed_in
from toolkit.plans.image import plan_image
from toolkit.plans.model import CondaMode, ImageKind, ImagePlan
from toolkit.plans.packages import Locked, Packages, plan_packages
from toolkit.plans.platform import machine_platform
from toolkit.plans.requirements import Requirements
from toolkit.settings import DEFAULT_BASE, Settings
from toolkit.specs.environment import (
    CuratedEnvironment,
    Dockerfile,
    Environment,
    PipEnvironment,
    load_environment,
)

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]
OWN_IMAGES: Final = "aml-emu"  # the part of a tag before the plan's name


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """What the user asked to have built. `env` is a file, an image or a curated name.

    Without a `kind` it is what a curated environment is made for, and inference for all others.
    Without a `platform` it is the engine's own.
    """

    env: str
    kind: ImageKind | None = None
    conda: CondaMode = "auto"
    tags: tuple[str, ...] = ()
    no_cache: bool = False
    platform: str | None = None


def build_image(
    request: ImageRequest, settings: Settings, engine: Engine, *, say: Say, on_event: OnEvent
) -> Image:
    """The image, built unless one of the same inputs is there; a missing default base is made."""
    environment = load_environment(request.env)
    info = engine.check()
    for note in info.notes:
        say(note)
    trust = host_trust(settings.environ)
    # Said of none but another one, so that naming the engine's own makes no other image.
    foreign = request.platform if request.platform != info.platform else None

    def build(plan: ImagePlan) -> Image:
        if plan.base == DEFAULT_BASE and not engine.has(DEFAULT_BASE):
            say(f"making the base image `{DEFAULT_BASE}`, once on this machine")
            make_base(engine, settings, say=say, on_event=on_event)
        secrets = {name: value for name, value in trust.secrets().items() if name in plan.secrets}
        options = BuildOptions(secrets=secrets, no_cache=request.no_cache)
        return engine.build(plan, options, on_event)

    # First, because a mistake in the packages should not wait for the user's Dockerfile.
    packages = _packages(
        environment,
        request,
        settings,
        platform=request.platform or info.platform,
        trust=trust,
        say=say,
    )
    own = _own_image(environment, settings, say=say)
    base = base_for(environment, settings, say=say)
    if own:
        base = build(replace(own.plan, platform=foreign)).tag
    plan = _plan(environment, packages, request, base=base, trust=trust)
    return build(replace(plan, platform=foreign))


def write_context(request: ImageRequest, settings: Settings, folder: Path, *, say: Say) -> Path:
    """Write the Dockerfile and its context for a build elsewhere; needs no engine.

    A Dockerfile of the user's is written to `own/`: it is built first, under the name that the
    other one stands on.
    """
    environment = load_environment(request.env)
    platform = request.platform or machine_platform(host.machine())
    trust = host_trust(settings.environ)
    packages = _packages(environment, request, settings, platform=platform, trust=trust, say=say)
    own = _own_image(environment, settings, say=say)
    base = base_for(environment, settings, say=say)
    if own:
        _write(own.plan, folder / "own")
        say(f"build the user's part first: docker build -t {base} {folder / 'own'}")
    return _write(_plan(environment, packages, request, base=base, trust=trust), folder)


def kind_of(request: ImageRequest, environment: Environment) -> ImageKind:
    """The layout that is asked for."""
    if request.kind:
        return request.kind
    return environment.kind if isinstance(environment, CuratedEnvironment) else "inference"


def _plan(
    environment: Environment,
    packages: Packages,
    request: ImageRequest,
    *,
    base: str,
    trust: HostTrust,
) -> ImagePlan:
    return plan_image(
        environment,
        packages=packages,
        kind=kind_of(request, environment),
        base=base,
        secrets=tuple(trust.secrets()),
        tags=request.tags,
    )


def _packages(
    environment: Environment,
    request: ImageRequest,
    settings: Settings,
    *,
    platform: str,
    trust: HostTrust,
    say: Say,
) -> Packages:
    """The packages; requirements are resolved unless the kept lock still holds."""
    wanted = plan_packages(environment, kind=kind_of(request, environment), mode=request.conda)
    notes = () if isinstance(environment, PipEnvironment) else environment.notes
    for note in (*notes, *wanted.notes):
        say(note)
    if not isinstance(wanted, Requirements):
        return wanted
    path = lock_path(
        settings.state_folder, name=environment.name, platform=platform, python=wanted.python
    )
    lock = resolve(
        wanted,
        platform=platform,
        path=path,
        spec=listed_in(environment) or settings.project,
        trust=trust,
        environ=settings.environ,
    )
    return Locked(python=wanted.python, lock=lock)


def _own_image(environment: Environment, settings: Settings, *, say: Say) -> OwnImage | None:
    dockerfile = foundation_of(environment)
    if not isinstance(dockerfile, Dockerfile):
        return None
    own = plan_own_image(dockerfile, name=environment.name, stand_in=settings.stand_in)
    for note in own.notes:
        say(note)
    return own


def base_for(environment: Environment, settings: Settings, *, say: Say) -> str:
    """The image below ours: the environment's own or its stand-in, else that of the settings."""
    named = foundation_of(environment)
    if named is None:
        return settings.stand_in(settings.base)
    if settings.base != DEFAULT_BASE:
        say(f"the environment names its own image, so the base `{settings.base}` is not used")
    if isinstance(named, Dockerfile):
        return f"{OWN_IMAGES}/{own_name(environment.name)}"
    image = settings.stand_in(named)
    if image != named:
        say(f"`{image}` stands in for `{named}`")
    return image


def _write(plan: ImagePlan, folder: Path) -> Path:
    for file in plan.context:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        target.write_bytes(content)
        target.chmod(file.mode)
    dockerfile = folder / "Dockerfile"
    dockerfile.parent.mkdir(parents=True, exist_ok=True)
    dockerfile.write_text(plan.dockerfile, "utf-8")
    return dockerfile
