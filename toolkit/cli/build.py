"""aml-emu build: the image Azure ML would build from an environment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import Base, Conda, EngineOption, Env, Json, NoCache, Platform, Tags
from toolkit.errors import SpecError
from toolkit.plans.choices import ImageKind

if TYPE_CHECKING:
    from toolkit.cli.progress import BuildProgress
    from toolkit.engines.base import Image
    from toolkit.live.image import ImageRequest
    from toolkit.settings import Settings


def build(
    env: Env,
    kind: Annotated[
        ImageKind | None,
        typer.Option(help="The layout of the image.  [default: inference]", show_default=False),
    ] = None,
    base: Base = None,
    conda: Conda = "auto",
    tag: Tags = None,
    dockerfile_only: Annotated[
        Path | None, typer.Option(help="Write Dockerfile and context there, build nothing.")
    ] = None,
    bake: Annotated[
        Path | None,
        typer.Option(metavar="SCRIPT", help="Put this scoring script's folder into the image too."),
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option(help="With --bake: model file or folder; repeatable.")
    ] = None,
    no_cache: NoCache = False,
    platform: Platform = None,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Build the image of an environment; the last line on stdout is its tag."""
    from toolkit.cli.progress import BuildProgress
    from toolkit.engines.registry import make_engine
    from toolkit.live.image import ImageRequest, build_image, write_context
    from toolkit.settings import load_settings

    settings = load_settings(engine=engine, base=base)
    request = ImageRequest(
        env=env,
        kind=kind,
        conda=conda,
        tags=tuple(tag or ()),
        no_cache=no_cache,
        platform=platform,
    )
    if bake or model:
        _bake(request, settings, bake, model or [], json=json, elsewhere=dockerfile_only)
        return
    if dockerfile_only:
        _refuse_for_context(tag=bool(tag), no_cache=no_cache)
        dockerfile = write_context(request, settings, dockerfile_only, say=console.say)
        console.result_json({"dockerfile": str(dockerfile)}) if json else console.result(
            str(dockerfile)
        )
        return
    started = time.monotonic()
    with BuildProgress(json=json) as progress:
        image = build_image(
            request,
            settings,
            make_engine(settings.engine, settings.environ),
            say=progress.say,
            on_event=progress,
        )
        progress.say(_outcome(image, progress, time.monotonic() - started))
    if json:
        document = {"tag": image.tag, "id": image.id, "built": image.built}
        seconds = round(time.monotonic() - started, 3)
        console.result_json({**document, "seconds": seconds, **progress.document()})
    else:
        console.result(image.tag)


def _refuse_for_context(**asked: bool) -> None:
    for name, given in asked.items():
        if given:
            flag = f"--{name.replace('_', '-')}"
            raise SpecError(
                f"`{flag}` is for an image, and `--dockerfile-only` builds none",
                hint=f"leave out `{flag}`, and give it to `docker build`",
            )


def _bake(
    environment: ImageRequest,
    settings: Settings,
    script: Path | None,
    models: list[Path],
    *,
    json: bool,
    elsewhere: Path | None,
) -> None:
    from toolkit.cli.package import make_image
    from toolkit.live.package import PackageRequest

    if script is None:
        raise SpecError("`--model` goes into the image with `--bake` only", hint="add the script")
    if elsewhere:
        raise SpecError(
            "`--dockerfile-only` writes environments only",
            hint="use `aml-emu package --generate-dockerfile`",
        )
    if environment.kind == "training":
        raise SpecError("`--bake` needs the inference layout", hint="leave out `--kind`")
    request = PackageRequest(
        environment=environment, script=script, style="baked", models=tuple(models)
    )
    make_image(request, settings, json=json)


def _outcome(image: Image, progress: BuildProgress, seconds: float) -> str:
    if not image.built:
        return "unchanged: nothing to build"
    return "; ".join(filter(None, (f"built in {seconds:.1f} s", progress.summary())))
