"""Flags that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.plans.model import CondaMode

Env = Annotated[Path, typer.Option(help="Conda file (.yml) or requirements (.txt).")]
Base = Annotated[
    str | None, typer.Option(help="Base image.  [default: aml-emu/base]", show_default=False)
]
Conda = Annotated[
    CondaMode, typer.Option(help="What to do with conda packages: refuse, or take from PyPI.")
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="auto or docker.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build every step anew.")]
Name = Annotated[str | None, typer.Argument(help="Service name; may be left out if only one.")]
