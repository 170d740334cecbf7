"""aml-emu register, aml-emu assets: data, models, environments and components by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from toolkit.cli import console
from toolkit.cli.options import Json
from toolkit.workspace.kinds import AssetKind

if TYPE_CHECKING:
    from toolkit.workspace.model import AssetVersion
    from toolkit.workspace.workspace import Workspace

app = typer.Typer(
    help="Data, models, environments, components.", no_args_is_help=True, rich_markup_mode=None
)

Kind = Annotated[AssetKind | None, typer.Option(help="What it is.", show_default=False)]
Reference = Annotated[str, typer.Argument(metavar="NAME[:VERSION|@LABEL]")]
_TITLES = ("KIND", "NAME", "VERSION", "LABELS", "TYPE", "CREATED", "PLACE")


def register(
    file: Annotated[Path, typer.Argument(help="What `az ml … create -f` takes.")],
    name: Annotated[str | None, typer.Option(help="Instead of the file's.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Instead of the file's.  [default: the next free one]")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Give this version a label; repeatable.")
    ] = None,
    kind: Kind = None,
    json: Json = False,
) -> None:
    """Register data, a model, an environment or a component from its YAML file."""
    from toolkit.cli.workspace import opened_workspace
    from toolkit.live.inputs import data_locator
    from toolkit.settings import load_settings
    from toolkit.specs.assets import load_asset
    from toolkit.workspace.registration import register as registered

    settings = load_settings()
    asset = load_asset(file, kind=kind)
    workspace = opened_workspace(settings)
    locator = data_locator(workspace, settings, say=console.say)
    found = registered(asset, workspace=workspace, locator=locator, name=name, version=version)
    for each in label or ():
        found = workspace.assets.label(found.kind, found.name, found.version, each)
    if json:
        console.result_json(_document(found))
        return
    console.say(f"the {found.kind} lies in {_place(found)}")
    console.result(found.reference)


@app.command("list")
def list_(
    kind: Kind = None,
    name: Annotated[str | None, typer.Option(help="Versions of this one.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Only archived ones.")] = False,
    json: Json = False,
) -> None:
    """List registered versions, the newest first."""
    from toolkit.cli.tables import local_time, table
    from toolkit.cli.workspace import existing_workspace
    from toolkit.settings import load_settings

    workspace = existing_workspace(load_settings())
    found = workspace.assets.list(kind, name, archived=archived) if workspace else []
    if json:
        console.result_json([_document(each) for each in found])
    elif found:
        rows = [
            (
                each.kind,
                each.name,
                each.version,
                ",".join(sorted(each.labels)),
                each.type,
                local_time(each.created.timestamp()),
                _place(each),
            )
            for each in found
        ]
        console.result(table(_TITLES, rows))
    elif workspace:
        console.say("no such asset is registered")


@app.command()
def show(reference: Reference, kind: Kind = None, json: Json = False) -> None:
    """Show one version; without VERSION or LABEL the one registered last."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.settings import load_settings

    found = _the_version(known_workspace(load_settings()), reference, kind)
    document = _document(found)
    if json:
        console.result_json(document)
        return
    for label, value in document.items():
        if value not in (None, "", [], {}, False):
            console.result(f"{label + ':':<13}{_text(value)}")


@app.command()
def label(reference: Reference, label: str, kind: Kind = None) -> None:
    """Give a version a label, which whoever had it loses."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.settings import load_settings

    workspace = known_workspace(load_settings())
    found = _the_version(workspace, reference, kind)
    workspace.assets.label(found.kind, found.name, found.version, label)
    console.result(f"azureml:{found.name}@{label}")


@app.command()
def archive(reference: Reference, kind: Kind = None) -> None:
    """Leave a version out of lists and of `@latest`; its own reference still finds it."""
    from toolkit.cli.workspace import known_workspace
    from toolkit.settings import load_settings

    workspace = known_workspace(load_settings())
    found = _the_version(workspace, reference, kind)
    workspace.assets.archive(found.kind, found.name, found.version)
    console.say(f"archived the {found.kind} `{found.name}:{found.version}`")


def _the_version(workspace: Workspace, reference: str, kind: AssetKind | None) -> AssetVersion:
    """Of the kind that has it. Raises SpecError if several have."""
    from toolkit.errors import NotFound, SpecError

    found, missing = [], []
    for each in (kind,) if kind else get_args(AssetKind):
        try:
            found.append(workspace.assets.get(each, reference))
        except NotFound as error:
            missing.append(error)
    if len(found) > 1:
        names = ", ".join(f"`{version.kind}`" for version in found)
        raise SpecError(f"of several kinds: `{reference}`", hint=f"choose with `--kind`: {names}")
    if not found:
        raise missing[0] if kind else _nowhere(workspace, reference)
    return found[0]


def _nowhere(workspace: Workspace, reference: str) -> Exception:
    import difflib

    from toolkit.errors import NotFound

    names = {f"{each.name}:{each.version}" for each in workspace.assets.list(archived=None)}
    wanted = reference.removeprefix("azureml:")
    close = ", ".join(f"`{name}`" for name in difflib.get_close_matches(wanted, names, 3, 0.4))
    return NotFound(
        f"nothing of that name is registered: `{reference}`",
        hint=f"did you mean {close}?" if close else "`aml-emu assets list` shows all",
    )


def _place(version: AssetVersion) -> str:
    return version.uri if version.path is None else str(version.path)


def _document(version: AssetVersion) -> dict[str, Any]:
    return {
        "kind": version.kind,
        "name": version.name,
        "version": version.version,
        "labels": sorted(version.labels),
        "type": version.type,
        "place": _place(version),
        "description": version.description,
        "tags": dict(version.tags),
        "properties": dict(version.properties),
        "created": version.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "source_run": version.source_run,
        "archived": version.archived,
        "definition": dict(version.definition),
    }


def _text(value: Any) -> str:
    import json

    if isinstance(value, list):
        return ", ".join(value)
    return json.dumps(value, indent=2) if isinstance(value, dict) else str(value)
