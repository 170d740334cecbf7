"""From an environment to an image on an engine: load, resolve, plan, build."""

from __future__ import annotations

import platform as host
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from toolkit.engines.base import BuildOptions, Engine, Forehanded, Image
from toolkit.engines.events import BuildEvent
from toolkit.engines.trust import HostTrust
from toolkit.live.base import make_base
from toolkit.live.packages import Meanwhile, Resolved, no_work, resolve_packages
from toolkit.plans.dockerfile import OwnImage, own_name, plan_own_image
from toolkit.plans.foundation import foundation_of
from toolkit.plans.image import plan_groundwork, plan_image
from toolkit.plans.model import CondaMode, ImageKind, ImagePlan
from toolkit.plans.packages import Locked
from toolkit.plans.platform import machine_platform
from toolkit.settings import DEFAULT_BASE, Settings
from toolkit.specs.environment import (
    CuratedEnvironment,
    Dockerfile,
    Environment,
    load_environment,
)

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]
OWN_IMAGES: Final = "aml-emu"  # the part of a tag before the plan's name


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """What the user asked to have built.

    `env` is a file, an image or a curated name, or a function that reads the environment from
    where else it stands, e.g. inside a deployment's file.
    Without a `kind` it is what a curated environment is made for, and inference for all others.
    Without a `platform` it is the engine's own.
    """

    env: str | Callable[[], Environment]
    kind: ImageKind | None = None
    conda: CondaMode = "auto"
    tags: tuple[str, ...] = ()
    no_cache: bool = False
    platform: str | None = None

    def environment(self) -> Environment:
        """As its files are now."""
        return load_environment(self.env) if isinstance(self.env, str) else self.env()


def build_image(
    request: ImageRequest, settings: Settings, engine: Engine, *, say: Say, on_event: OnEvent
) -> Image:
    """The image, built unless one of the same inputs is there; a missing default base is made."""
    environment = request.environment()
    info = engine.check()
    for note in info.notes:
        say(note)
    # Said of none but another one, so that naming the engine's own makes no other image.
    foreign = request.platform if request.platform != info.platform else None

    def build(plan: ImagePlan) -> Image:
        if plan.base == DEFAULT_BASE and not engine.has(DEFAULT_BASE):
            say(f"making the base image `{DEFAULT_BASE}`, once on this machine")
            make_base(engine, settings, say=say, on_event=on_event)
        values = resolved.trust.secrets()
        secrets = {name: values[name] for name in plan.secrets}
        options = BuildOptions(secrets=secrets, no_cache=request.no_cache)
        return engine.build(plan, options, on_event)

    @contextmanager
    def groundwork(packages: Locked, trust: HostTrust) -> Iterator[None]:
        """What needs no lock is built while there is none."""
        plan = _groundwork(environment, packages, request, settings, trust=trust)
        if not isinstance(engine, Forehanded) or plan is None or not engine.has(plan.base):
            yield
            return
        options = BuildOptions(secrets=trust.secrets())
        give_up = engine.begin(replace(plan, platform=foreign), options, on_event)
        try:
            yield
        except BaseException:
            give_up()
            raise

    # First, because a mistake in the packages should not wait for the user's Dockerfile.
    platform = request.platform or info.platform
    resolved = _resolved(
        environment, request, settings, platform=platform, say=say, meanwhile=groundwork
    )
    if feeds := resolved.trust.feeds():
        say(f"given to the build as secrets: {', '.join(feeds)}")
    own = _own_image(environment, settings, say=say)
    base = base_for(environment, settings, say=say)
    if own:
        base = build(replace(own.plan, platform=foreign)).tag
    plan = _plan(environment, resolved, request, base=base)
    return build(replace(plan, platform=foreign))


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, and what it takes to carry it out."""

    plan: ImagePlan
    trust: HostTrust


def plan_without_building(
    request: ImageRequest, settings: Settings, *, platform: str, say: Say
) -> Planned:
    """The plan of the image. Of a Dockerfile of the user's it knows the text, not the result."""
    environment = request.environment()
    resolved = _resolved(environment, request, settings, platform=platform, say=say)
    base = base_for(environment, settings, say=say)
    plan = _plan(environment, resolved, request, base=base)
    return Planned(plan=plan, trust=resolved.trust)


def write_context(request: ImageRequest, settings: Settings, folder: Path, *, say: Say) -> Path:
    """Write the Dockerfile and its context for a build elsewhere; needs no engine.

    A Dockerfile of the user's is written to `own/`: it is built first, under the name that the
    other one stands on.
    """
    environment = request.environment()
    platform = request.platform or machine_platform(host.machine())
    resolved = _resolved(environment, request, settings, platform=platform, say=say)
    own = _own_image(environment, settings, say=say)
    base = base_for(environment, settings, say=say)
    if own:
        write_plan(own.plan, folder / "own")
        say(f"build the user's part first: docker build -t {base} {folder / 'own'}")
    return write_plan(_plan(environment, resolved, request, base=base), folder)


def kind_of(request: ImageRequest, environment: Environment) -> ImageKind:
    """The layout that is asked for."""
    if request.kind:
        return request.kind
    return environment.kind if isinstance(environment, CuratedEnvironment) else "inference"


def _plan(
    environment: Environment, resolved: Resolved, request: ImageRequest, *, base: str
) -> ImagePlan:
    return plan_image(
        environment,
        packages=resolved.packages,
        kind=kind_of(request, environment),
        base=base,
        secrets=tuple(resolved.trust.secrets()),
        tags=request.tags,
    )


def _groundwork(
    environment: Environment,
    packages: Locked,
    request: ImageRequest,
    settings: Settings,
    *,
    trust: HostTrust,
) -> ImagePlan | None:
    """None where it would be of no use, or stands on what is still to be built."""
    if request.no_cache or isinstance(foundation_of(environment), Dockerfile):
        return None
    return plan_groundwork(
        environment,
        python=packages.python,
        kind=kind_of(request, environment),
        base=base_for(environment, settings, say=lambda _: None),
        secrets=tuple(trust.secrets()),
    )


def _resolved(
    environment: Environment,
    request: ImageRequest,
    settings: Settings,
    *,
    platform: str,
    say: Say,
    meanwhile: Meanwhile = no_work,
) -> Resolved:
    return resolve_packages(
        environment,
        settings,
        kind=kind_of(request, environment),
        mode=request.conda,
        platform=platform,
        say=say,
        meanwhile=meanwhile,
    )


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


def write_plan(plan: ImagePlan, folder: Path) -> Path:
    """Lay out a plan's context and Dockerfile for a build elsewhere; the Dockerfile's path."""
    for file in plan.context:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, bytes):
            target.write_bytes(file.content)
        else:
            shutil.copyfile(file.content, target)
        target.chmod(file.mode)
    dockerfile = folder / "Dockerfile"
    dockerfile.parent.mkdir(parents=True, exist_ok=True)
    dockerfile.write_text(plan.dockerfile, "utf-8")
    return dockerfile
