"""From an environment file to an image on an engine: load, resolve, plan, build."""

from __future__ import annotations

import platform as host
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolkit.engines.base import BuildOptions, Engine, Image
from toolkit.engines.events import BuildEvent
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust, host_trust
from toolkit.live.base import make_base
from toolkit.plans.image import plan_image
from toolkit.plans.model import CondaMode, ImageKind, ImagePlan
from toolkit.plans.requirements import plan_requirements
from toolkit.settings import DEFAULT_BASE, Settings
from toolkit.specs.environment import load_environment

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """What the user asked to have built."""

    env: Path
    kind: ImageKind = "inference"
    conda: CondaMode = "auto"
    tags: tuple[str, ...] = ()
    no_cache: bool = False


def plan_for(
    request: ImageRequest, settings: Settings, *, platform: str, trust: HostTrust, say: Say
) -> ImagePlan:
    """The plan of an image; resolves the requirements unless the kept lock still holds."""
    environment = load_environment(request.env)
    requirements = plan_requirements(environment, kind=request.kind, mode=request.conda)
    for note in requirements.notes:
        say(note)
    lock = resolve(
        requirements,
        platform=platform,
        path=lock_path(
            settings.state_folder,
            name=environment.name,
            platform=platform,
            python=requirements.python,
        ),
        spec=request.env,
        trust=trust,
        environ=settings.environ,
    )
    return plan_image(
        environment,
        requirements=requirements,
        lock=lock,
        kind=request.kind,
        base=settings.stand_in(settings.base),
        secrets=tuple(trust.secrets()),
        tags=request.tags,
    )


def build_image(
    request: ImageRequest, settings: Settings, engine: Engine, *, say: Say, on_event: OnEvent
) -> Image:
    """The image, built unless one of the same inputs is there; a missing default base is made."""
    info = engine.check()
    trust = host_trust(settings.environ)
    plan = plan_for(request, settings, platform=info.platform, trust=trust, say=say)
    if plan.base == DEFAULT_BASE and not engine.has(DEFAULT_BASE):
        say(f"making the base image `{DEFAULT_BASE}`, once on this machine")
        make_base(engine, settings, say=say, on_event=on_event)
    options = BuildOptions(secrets=trust.secrets(), no_cache=request.no_cache)
    return engine.build(plan, options, on_event)


def write_context(request: ImageRequest, settings: Settings, folder: Path, *, say: Say) -> Path:
    """Write the Dockerfile and its context for a build elsewhere; needs no engine."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(host.machine(), host.machine())
    trust = host_trust(settings.environ)
    plan = plan_for(request, settings, platform=f"linux/{arch}", trust=trust, say=say)
    for file in plan.context:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
        target.write_bytes(content)
        target.chmod(file.mode)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(plan.dockerfile, "utf-8")
    return dockerfile
