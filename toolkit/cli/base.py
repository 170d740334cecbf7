"""aml-emu base: the image that environments stand on when they name none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption
from toolkit.plans.choices import BaseSource

app = typer.Typer(help="Base images.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def make(
    source: Annotated[
        BaseSource,
        typer.Option("--from", help="auto: a registry if one answers, else Debian packages."),
    ] = "auto",
    tar: Annotated[Path | None, typer.Option(help="Make it from this root file system.")] = None,
    engine: EngineOption = None,
) -> None:
    """Make `aml-emu/base`."""
    from toolkit.cli.progress import BuildProgress
    from toolkit.engines.registry import make_engine
    from toolkit.errors import SpecError
    from toolkit.live.base import make_base
    from toolkit.settings import load_settings

    if tar is not None and source != "auto":
        raise SpecError(
            "`--from` and `--tar` exclude each other", hint="a root file system needs no `--from`"
        )
    settings = load_settings(engine=engine)
    with BuildProgress() as progress:
        image = make_base(
            make_engine(settings.engine, settings.environ),
            settings,
            source=source,
            tar=tar,
            say=console.say,
            on_event=progress,
        )
    console.say("made" if image.built else "unchanged")
    console.result(image.tag)


@app.command("list")
def list_(engine: EngineOption = None) -> None:
    """List the base images made here."""
    from toolkit.cli.tables import size
    from toolkit.engines.registry import make_engine
    from toolkit.plans.emulation import LABEL_BASE
    from toolkit.settings import load_settings

    settings = load_settings(engine=engine)
    images = make_engine(settings.engine, settings.environ).images({LABEL_BASE: ""})
    for image in images:
        console.result(f"{image.tag}  {size(image.size)}")
    if not images:
        console.say("none was made here: `aml-emu base make`, or a first build, makes one")
