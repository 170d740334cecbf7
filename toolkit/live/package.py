"""From a scoring script to an image that runs without us: its environment's image, then its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from toolkit.engines.base import BuildOptions, Engine, Image
from toolkit.errors import SpecError
from toolkit.live.image import ImageRequest, OnEvent, Say, build_image, write_plan
from toolkit.plans import azureml
from toolkit.plans.bake import plan_bake, plan_package
from toolkit.plans.deployment import PlacedModel
from toolkit.plans.model import ImagePlan
from toolkit.plans.service import Scoring
from toolkit.settings import Settings
from toolkit.specs.environment import slug
from toolkit.specs.script import check_scoring_script

Style = Literal["baked", "package"]


@dataclass(frozen=True, kw_only=True)
class PackageRequest:
    """What to put on which environment.

    `baked` takes the script's folder, as `serve` mounts it; `package` the script alone, or the
    folder `source` that it lies in, as the v1 SDK's Model.package. `placed` are models that are
    registered: name and version say where they lie. `variables` are for the server besides its
    environment's own; `with_sdk` takes our `azureml` along, of a `package` only.
    """

    environment: ImageRequest
    script: Path
    style: Style
    models: tuple[Path, ...] = ()
    placed: tuple[PlacedModel, ...] = ()
    name: str | None = None
    source: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    with_sdk: bool = False


def build_package(
    request: PackageRequest, settings: Settings, engine: Engine, *, say: Say, on_event: OnEvent
) -> Image:
    """The image with code and models inside; that of its environment is built first."""
    scoring = _checked(request)
    environment = _environment(request, settings, engine, say=say, on_event=on_event)
    plan = _plan(request, scoring, image=environment.tag)
    say(_told(plan))
    options = BuildOptions(no_cache=request.environment.no_cache)
    return engine.build(replace(plan, platform=_platform(request, engine)), options, on_event)


def write_package(
    request: PackageRequest,
    settings: Settings,
    engine: Engine,
    folder: Path,
    *,
    say: Say,
    on_event: OnEvent,
) -> Path:
    """The Dockerfile and its context in `folder`; only the environment's image is built."""
    scoring = _checked(request)
    if folder.is_dir() and any(folder.iterdir()):
        raise SpecError(f"folder is not empty: {folder}", hint="name another one, or empty it")
    environment = _environment(request, settings, engine, say=say, on_event=on_event)
    plan = _plan(request, scoring, image=environment.tag)
    say(_told(plan))
    return write_plan(plan, folder)


def _checked(request: PackageRequest) -> Scoring:
    check_scoring_script(request.script)
    script, source = request.script.resolve(), request.source and request.source.resolve()
    if source and not source.is_dir():
        raise SpecError(
            f"source directory not found: {request.source}", hint="name a folder that is there"
        )
    if source and not script.is_relative_to(source):
        raise SpecError(
            f"scoring script is not in the source directory: {request.script}",
            hint=f"move it into {request.source}, or leave out `--source-directory`",
        )
    for model in (*request.models, *(placed.source for placed in request.placed)):
        if not model.exists():
            raise SpecError(f"model not found: {model}")
    return Scoring(
        name=slug(request.name or script.parent.name),
        script=script,
        models=tuple(model.resolve() for model in request.models),
        placed=tuple(model.mount(azureml.APP_ROOT) for model in request.placed),
        env=request.variables,
    )


def _environment(
    request: PackageRequest, settings: Settings, engine: Engine, *, say: Say, on_event: OnEvent
) -> Image:
    """Its image, under its own names: those that were asked for are for what stands on it."""
    wanted = replace(request.environment, kind="inference", tags=())
    return build_image(wanted, settings, engine, say=say, on_event=on_event)


def _plan(request: PackageRequest, scoring: Scoring, *, image: str) -> ImagePlan:
    tags = request.environment.tags
    if request.style == "baked":
        return plan_bake(scoring, image=image, tags=tags)
    source = request.source and request.source.resolve()
    return plan_package(scoring, image=image, source=source, with_sdk=request.with_sdk, tags=tags)


def _platform(request: PackageRequest, engine: Engine) -> str | None:
    wanted = request.environment.platform
    return None if wanted == engine.check().platform else wanted


def _told(plan: ImagePlan) -> str:
    sizes = [
        len(file.content) if isinstance(file.content, bytes) else file.content.stat().st_size
        for file in plan.context
    ]
    return f"taking in {len(sizes)} files, {sum(sizes) / 1_000_000:.1f} MB"
