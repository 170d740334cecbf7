"""Making the base image: from a registry where one answers, else from Debian packages."""

from __future__ import annotations

import platform as host
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from typing_extensions import assert_never

from toolkit.engines.base import BuildOptions, Engine, EngineInfo, Image
from toolkit.engines.events import BuildEvent
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.plans import base
from toolkit.plans.model import BaseSource, ImagePlan
from toolkit.plans.platform import machine_platform
from toolkit.settings import DEFAULT_BASE, Settings

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]


def make_base(
    engine: Engine,
    settings: Settings,
    *,
    source: BaseSource = "auto",
    tar: Path | None = None,
    say: Say,
    on_event: OnEvent,
) -> Image:
    """Build our base and tag it `aml-emu/base`. `auto`: the registry first, then packages.

    A `tar` is a root file system, and says by itself where the base comes from. Raises
    EngineUnavailable before anything is fetched if the engine could not build it.
    """
    info = _builder(engine)

    def build(plan: ImagePlan) -> Image:
        named = replace(plan, tags=(*plan.tags, f"{DEFAULT_BASE}:latest"))
        return engine.build(named, BuildOptions(), on_event)

    if tar:
        return build(base.plan_base_from_tar(tar))
    match source:
        case "registry":
            return build(base.plan_base_from_registry())
        case "debian":
            return _from_debian(settings, info, build, say)
        case "auto":
            try:
                return build(base.plan_base_from_registry())
            except BuildFailed as error:
                say(f"{error.message}: using Debian packages instead")
                return _from_debian(settings, info, build, say)
        case _:
            assert_never(source)


def package_folder(settings: Settings) -> Path:
    """Where packages are kept, so that the next time only what is new is fetched."""
    return settings.cache_folder / "debian"


def _builder(engine: Engine) -> EngineInfo:
    info = engine.check()
    if info.builds_dockerfiles:
        return info
    raise EngineUnavailable(
        f"the {info.name} engine builds no Dockerfiles, which a base image is made from",
        details="\n".join(info.notes),
        hint="start Docker; without it, environments are made from this machine's system",
    )


def _from_debian(
    settings: Settings, info: EngineInfo, build: Callable[[ImagePlan], Image], say: Say
) -> Image:
    ours, theirs = machine_platform(host.machine()), info.platform
    if ours != theirs:
        raise EngineUnavailable(
            f"the Debian packages of this machine ({ours}) do not fit the engine: {theirs}",
            hint="use `aml-emu base make --tar FILE` with a root file system for it",
        )
    from toolkit.engines.debian import collect  # noqa: PLC0415  # most builds need no base

    say("collecting packages with apt")
    folder = package_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    packages = collect(base.base_packages(), into=folder, environ=settings.environ)
    return build(base.plan_base_from_debian(packages))
