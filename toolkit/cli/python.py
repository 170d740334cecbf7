"""aml-emu python: a script against the v1 SDK, with this machine for its workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import EngineOption

SETTINGS = {
    "allow_interspersed_args": False,  # what follows the script is the script's
    "ignore_unknown_options": True,
}


def python(
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT", help="A script that imports `azureml.core`.")
    ],
    args: Annotated[list[str] | None, typer.Argument(help="The script's arguments.")] = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The interpreter that runs it.  [default: the one of aml-emu]",
            show_default=False,
        ),
    ] = None,
    compute: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A compute that the script expects to be there."),
    ] = None,
    engine: EngineOption = None,
) -> None:
    """Run a script against the v1 SDK (azureml.core), without Azure; runs and images are local."""
    from toolkit.cli.python_session import ScriptOrder, carry_out

    carry_out(
        ScriptOrder(
            script=script,
            arguments=tuple(args or ()),
            python=python,
            computes=tuple(compute or ()),
            engine=engine,
        )
    )
