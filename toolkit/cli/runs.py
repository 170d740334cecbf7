"""aml-emu runs: what was run in this project, what it measured and left behind."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli import console
from toolkit.cli.options import Json

if TYPE_CHECKING:
    from toolkit.workspace.model import Run
    from toolkit.workspace.workspace import Workspace

app = typer.Typer(help="The run history.", no_args_is_help=True, rich_markup_mode=None)

RunName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A run.  [default: the newest]")
]
_OUTPUT_FOLDERS = ("outputs", "artifacts")


@app.command("list")
def list_(
    experiment: Annotated[str | None, typer.Option(help="Of this experiment.")] = None,
    status: Annotated[str | None, typer.Option(help="In this status: Running, Failed, …")] = None,
    kind: Annotated[str | None, typer.Option(help="command, pipeline, step, sweep, …")] = None,
    parent: Annotated[str | None, typer.Option(help="Below this run.", metavar="NAME")] = None,
    children: Annotated[bool, typer.Option("--children", help="Steps and trials as well.")] = False,
    tag: Annotated[str | None, typer.Option(help="With this tag: KEY or KEY=VALUE.")] = None,
    since: Annotated[str | None, typer.Option(help="Not older: 2h, 7d, 2026-03-31.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Only archived ones.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
    json: Json = False,
) -> None:
    """List runs, newest first."""
    from toolkit.cli import run_filters
    from toolkit.cli.run_report import run_lines, run_table
    from toolkit.cli.workspace import existing_workspace
    from toolkit.settings import load_settings
    from toolkit.workspace.model import RunKind, RunStatus

    now = datetime.now(tz=timezone.utc)
    chosen: dict[str, Any] = {
        "experiment": experiment,
        "status": run_filters.one_of(RunStatus, status, "--status") if status else None,
        "kind": run_filters.one_of(RunKind, kind, "--kind") if kind else None,
        "parent": parent,
        "top": not (children or parent or kind),
        "tag": run_filters.tag(tag) if tag else None,
        "since": run_filters.since(since, now) if since else None,
        "archived": archived,
    }
    workspace = existing_workspace(load_settings())
    # one more than is shown tells whether there are more
    asked = limit + 1 if limit else None
    found = workspace.runs.summaries(**chosen, limit=asked) if workspace else []
    shown = found[:limit] if limit else found
    if json:
        console.result(run_lines(shown))
    elif shown:
        console.result(run_table(shown, now=now.timestamp()))
    elif workspace:
        console.say("no such run")
    if len(found) > len(shown):
        console.say(f"there are more than these {limit}: `--limit 0` shows all")


@app.command()
def show(
    name: RunName = None,
    plots: Annotated[
        bool | None, typer.Option(help="Plots of metrics.  [default: on a terminal]")
    ] = None,
    json: Json = False,
) -> None:
    """Show a run: its status, what it logged, and plots of that on a terminal."""
    from toolkit.cli.run_report import run_document, run_text

    workspace, run = _workspace_and_run(name)
    if json:
        console.result_json(run_document(run, workspace))
        return
    console.result(run_text(run, workspace))
    if plots or (plots is None and sys.stdout.isatty()):
        _plot([run], workspace)


@app.command()
def outputs(
    name: RunName = None,
    to: Annotated[Path | None, typer.Option(help="Copy them into this folder.")] = None,
    json: Json = False,
) -> None:
    """List the files that a run left: its outputs folder, logged artifacts, named outputs."""
    from toolkit.cli.tables import size, table

    workspace, run = _workspace_and_run(name)
    files = _left_behind(workspace.folder_of(run.name), run.outputs)
    if to is not None:
        _copy(files, to)
    if json:
        rows = [
            {"name": name, "path": str(path), "size": path.stat().st_size}
            for name, path in files.items()
        ]
        console.result_json({"run": run.name, "files": rows})
    elif files:
        lines = [(name, size(path.stat().st_size)) for name, path in files.items()]
        console.result(table(("FILE", "SIZE"), lines))
    else:
        console.say(f"run `{run.name}` left no files")


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Runs.")],
) -> None:
    """Delete runs with their folders and the runs below them; a running one is refused."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.settings import load_settings

    workspace = known_workspace(load_settings())
    gone: set[str] = set()  # with the run above it, which was named too
    for run in [workspace.runs.get(name) for name in names]:
        if run.name in gone:
            continue
        gone |= {run.name, *(below.name for below in workspace.runs.descendants(run.name))}
        workspace.runs.delete(run.name)
        console.say(f"deleted `{run.name}`")


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="NAME NAME...", help="Two runs or more.")],
    everything: Annotated[bool, typer.Option("--all", help="Also what is the same.")] = False,
    plots: Annotated[
        bool | None, typer.Option(help="Plots of metrics.  [default: on a terminal]")
    ] = None,
    json: Json = False,
) -> None:
    """Show what differs between runs: definition, parameters, tags; and all metrics."""
    from toolkit.cli.run_compare import compared, comparison_document, comparison_text
    from toolkit.cli.workspace import known_workspace
    from toolkit.errors import SpecError
    from toolkit.settings import load_settings

    if len(set(names)) < 2:  # noqa: PLR2004  # one run differs from nothing
        raise SpecError("name two runs or more", hint="`aml-emu runs list` shows them")
    workspace = known_workspace(load_settings())
    runs = [workspace.runs.get(name) for name in dict.fromkeys(names)]
    called = [run.name for run in runs]
    lines = compared(runs, workspace)
    if json:
        console.result_json(comparison_document(called, lines))
        return
    shown = [line for line in lines if everything or line.differs or line.section == "metrics"]
    console.result(comparison_text(called, shown))
    if plots or (plots is None and sys.stdout.isatty()):
        _plot(runs, workspace)


def _workspace_and_run(name: str | None) -> tuple[Workspace, Run]:
    from toolkit.cli.workspace import known_workspace
    from toolkit.errors import NotFound
    from toolkit.settings import load_settings

    workspace = known_workspace(load_settings())
    if name is not None:
        return workspace, workspace.runs.get(name)
    newest = workspace.runs.list(top=True, limit=1)
    if not newest:
        raise NotFound("nothing was run yet", hint="`aml-emu run FILE` runs something")
    return workspace, newest[0]


def _plot(runs: list[Run], workspace: Workspace) -> None:
    from toolkit.cli.plots import plot
    from toolkit.settings import wants_color

    keys = dict.fromkeys(key for run in runs for key in workspace.metrics.latest(run.name))
    width = shutil.get_terminal_size().columns
    color = wants_color() and sys.stdout.isatty()
    for key in keys:
        series = {run.name: workspace.metrics.history(run.name, key) for run in runs}
        if drawn := plot(key, series, width=width, color=color):
            console.result("\n" + drawn)


def _left_behind(folder: Path, named: Any) -> dict[str, Path]:
    """Files by the name they have in the run, e.g. `outputs/model.pkl`, sorted."""
    places = {name: folder / name for name in _OUTPUT_FOLDERS} | dict(named)
    found: dict[str, Path] = {}
    for name, place in places.items():
        if place.is_file():
            found[name] = place
        for path in place.rglob("*"):
            if path.is_file():
                found[f"{name}/{path.relative_to(place).as_posix()}"] = path
    return dict(sorted(found.items()))


def _copy(files: dict[str, Path], to: Path) -> None:
    from toolkit.errors import SpecError

    try:
        for name, path in files.items():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    except OSError as error:
        raise SpecError(f"cannot be copied to {to}", details=str(error)) from error
    console.say(f"copied {len(files)} files to {to}")
