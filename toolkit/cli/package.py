"""aml-emu package: what the v1 SDK's Model.package makes; also `aml-emu build --bake`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import (
    Base,
    Conda,
    EngineOption,
    Env,
    Json,
    Models,
    NoCache,
    Platform,
    Tags,
)

if TYPE_CHECKING:
    from toolkit.live.package import PackageRequest
    from toolkit.settings import Settings

_FOLDER = Path("imagefiles")  # as the documentation of Model.package calls it


def package(
    script: Annotated[Path, typer.Argument(help="The scoring script, with init() and run().")],
    env: Env,
    model: Models = None,
    source_directory: Annotated[
        Path | None, typer.Option(help="Take this whole folder along, which holds the script.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Package name.", show_default=False)] = None,
    tag: Tags = None,
    generate_dockerfile: Annotated[
        bool, typer.Option("--generate-dockerfile", help="Write Dockerfile and context instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Where to write them.  [default: imagefiles]")
    ] = None,
    base: Base = None,
    conda: Conda = "auto",
    no_cache: NoCache = False,
    platform: Platform = None,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Put a scoring script and its models into an image that runs without aml-emu."""
    from toolkit.errors import SpecError
    from toolkit.live.image import ImageRequest
    from toolkit.live.package import PackageRequest
    from toolkit.settings import load_settings

    generate = generate_dockerfile or output is not None
    if generate and tag:
        raise SpecError(
            "`--tag` names an image, and a Dockerfile is asked for",
            hint="leave out one of `--tag` and `--output`/`--generate-dockerfile`",
        )
    settings = load_settings(engine=engine, base=base)
    request = PackageRequest(
        environment=ImageRequest(
            env=env, conda=conda, tags=tuple(tag or ()), no_cache=no_cache, platform=platform
        ),
        script=script,
        style="package",
        models=tuple(model or ()),
        name=name,
        source=source_directory,
    )
    if generate:
        _write(request, settings, output or _FOLDER, json=json)
    else:
        make_image(request, settings, json=json)


def make_image(request: PackageRequest, settings: Settings, *, json: bool) -> None:
    """Build it and tell its name; the last line on stdout is the tag."""
    from toolkit.cli.progress import BuildProgress
    from toolkit.engines.registry import make_engine
    from toolkit.live.package import build_package

    engine = make_engine(settings.engine, settings.environ)
    with BuildProgress(json=json) as progress:
        image = build_package(request, settings, engine, say=progress.say, on_event=progress)
    console.say("built" if image.built else "unchanged: nothing to build")
    console.fact("run", f"docker run --rm -p 8000:5001 {image.tag}")
    if json:
        console.result_json({"tag": image.tag, "id": image.id, "built": image.built})
    else:
        console.result(image.tag)


def _write(request: PackageRequest, settings: Settings, folder: Path, *, json: bool) -> None:
    from toolkit.cli.progress import BuildProgress
    from toolkit.engines.registry import make_engine
    from toolkit.live.package import write_package

    engine = make_engine(settings.engine, settings.environ)
    with BuildProgress(json=json) as progress:
        dockerfile = write_package(
            request, settings, engine, folder, say=progress.say, on_event=progress
        )
    console.fact("build", f"docker build -t NAME {folder}")
    if json:
        console.result_json({"dockerfile": str(dockerfile)})
    else:
        console.result(str(dockerfile))
