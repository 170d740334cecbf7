"""aml-emu build: the image Azure ML would build from an environment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import Base, Conda, EngineOption, Env, Json, NoCache
from toolkit.plans.model import ImageKind


def build(
    env: Env,
    kind: Annotated[
        ImageKind | None,
        typer.Option(help="The layout of the image.  [default: inference]", show_default=False),
    ] = None,
    base: Base = None,
    conda: Conda = "auto",
    tag: Annotated[list[str] | None, typer.Option(help="A further name for the image.")] = None,
    dockerfile_only: Annotated[
        Path | None, typer.Option(help="Write Dockerfile and context there, build nothing.")
    ] = None,
    no_cache: NoCache = False,
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
        env=env, kind=kind, conda=conda, tags=tuple(tag or ()), no_cache=no_cache
    )
    if dockerfile_only:
        dockerfile = write_context(request, settings, dockerfile_only, say=console.say)
        console.result_json({"dockerfile": str(dockerfile)}) if json else console.result(
            str(dockerfile)
        )
        return
    started = time.monotonic()
    with BuildProgress() as progress:
        image = build_image(
            request,
            settings,
            make_engine(settings.engine, settings.environ),
            say=console.say,
            on_event=progress,
        )
    seconds = time.monotonic() - started
    console.say(f"built in {seconds:.1f} s" if image.built else "unchanged: nothing to build")
    if json:
        console.result_json({"tag": image.tag, "id": image.id, "built": image.built})
    else:
        console.result(image.tag)
