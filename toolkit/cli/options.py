"""Flags that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.plans.choices import CondaMode, ReloadMode
from toolkit.plans.platform import read_platform

Env = Annotated[
    str,
    typer.Option(
        help="Conda file, requirements.txt, v1 or v2 environment, .runconfig, Dockerfile, "
        "`image:IMAGE`, or the name of a curated environment."
    ),
]
Base = Annotated[
    str | None, typer.Option(help="Base image.  [default: aml-emu/base]", show_default=False)
]
Conda = Annotated[
    CondaMode,
    typer.Option(
        help="Conda packages: refused (auto), by the base image's conda (base), by rattler, "
        "or from PyPI (pip-only)."
    ),
]
Platform = Annotated[
    str | None,
    typer.Option(
        help="linux/amd64 or linux/arm64.  [default: the engine's]",
        show_default=False,
        parser=read_platform,
        metavar="PLATFORM",
    ),
]
Models = Annotated[list[Path] | None, typer.Option(help="Model file or folder; repeatable.")]
Tags = Annotated[list[str] | None, typer.Option(help="A further name for the image; repeatable.")]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="auto, docker or process.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build every step anew.")]
DebugPort = Annotated[int, typer.Option(help="Debugger port on 127.0.0.1.", min=1, max=65535)]
WaitBeforeInit = Annotated[
    float | None,
    typer.Option(help="Wait for the IDE before init(), [300] seconds.", min=0, show_default=False),
]
BreakOnErrors = Annotated[bool, typer.Option(help="Stop where init() or run() raises.")]
Watch = Annotated[
    bool | None, typer.Option("--watch/--no-watch", help="Serve saved changes at once.")
]
Reload = Annotated[
    ReloadMode | None,
    typer.Option(help="How new code gets in.  [default: fork]", show_default=False),
]
Detach = Annotated[bool, typer.Option("--detach", help="Leave it running.")]
Name = Annotated[str | None, typer.Argument(help="Service name; may be left out if only one.")]
