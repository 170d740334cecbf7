"""aml-emu runs logs, runs cancel: what a run says, and ending one from another terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption

if TYPE_CHECKING:
    from toolkit.workspace.model import Run
    from toolkit.workspace.workspace import Workspace

RunName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A run.  [default: the newest]")
]


def logs(
    name: RunName = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    file: Annotated[
        str | None,
        typer.Option(help="Another log, e.g. azureml-logs/60_control_log.txt.", show_default=False),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the logs there are.")] = False,
) -> None:
    """Print what a run said: the log of its (first) process, as far as it has come."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.errors import SpecError
    from toolkit.live.run_files import follow_log, logs_of
    from toolkit.settings import load_settings

    if list_ and (follow or file is not None):
        raise SpecError("`--list` prints no log", hint="leave out `--follow` and `--file`")
    workspace = known_workspace(load_settings())
    run = _run(workspace, name)
    if list_:
        for path in logs_of(workspace.folder_of(run.name)):
            console.result(path)
        return
    for chunk in follow_log(workspace, run.name, file, follow=follow):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def cancel(name: RunName = None, engine: EngineOption = None) -> None:
    """End a run with everything it started; its logs and outputs are kept."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.engines.registry import make_engine
    from toolkit.live.run_cancel import cancel_run
    from toolkit.settings import load_settings

    settings = load_settings(engine=engine)
    workspace = known_workspace(settings)
    run = _run(workspace, name)
    if run.is_terminal:
        console.say(f"run `{run.name}` has ended already: {run.status}")
        return
    # "auto" finds what either engine runs, whichever the settings prefer now
    chosen = make_engine("auto" if engine is None else settings.engine, settings.environ)
    ended = cancel_run(workspace, chosen, run.name)
    console.say(f"run `{ended.name}`: {ended.status}")


def _run(workspace: Workspace, name: str | None) -> Run:
    from toolkit.errors import NotFound

    if name is not None:
        return workspace.runs.get(name)
    newest = workspace.runs.list(top=True, limit=1)
    if not newest:
        raise NotFound("nothing was run yet", hint="`aml-emu run FILE` runs something")
    return newest[0]
