"""aml-emu env: the curated environments, and what would be built from any environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli import console
from toolkit.cli.options import Conda, Json
from toolkit.plans.choices import ImageKind

if TYPE_CHECKING:
    from toolkit.live.preview import Preview
    from toolkit.specs.environment import CuratedEnvironment

app = typer.Typer(help="Environments.", no_args_is_help=True, rich_markup_mode=None)

_COLUMNS = ("name", "kind", "python", "era", "base")


@app.command("list")
def list_(json: Json = False) -> None:
    """List the curated environments: name, kind, Python, era, the image they stand on."""
    from toolkit.cli.tables import table
    from toolkit.specs.environment import curated_names, load_curated

    rows = [_row(load_curated(name)) for name in curated_names()]
    if json:
        console.result_json(rows)
        return
    titles = [column.upper() for column in _COLUMNS]
    console.result(table(titles, [[row[column] for column in _COLUMNS] for row in rows]))


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="Curated name, or whatever else `--env` takes.", metavar="NAME")
    ],
    kind: Annotated[
        ImageKind | None, typer.Option(help="The layout of the image.", show_default=False)
    ] = None,
    conda: Conda = "auto",
    json: Json = False,
) -> None:
    """Show an environment's files and what would be built from it; builds nothing."""
    from toolkit.live.image import ImageRequest
    from toolkit.live.preview import preview
    from toolkit.settings import load_settings

    seen = preview(ImageRequest(env=name, kind=kind, conda=conda), load_settings())
    if json:
        console.result_json(_document(seen))
        return
    for path, text in seen.files.items():
        console.result(f"# {path}\n{text.rstrip()}\n")
    console.result("# what would be built")
    for label, value in _facts(seen).items():
        console.result(f"{label + ':':<10}{value}")
    for line in seen.installs:
        console.result(f"  {line}")
    for note in seen.notes:
        console.say(note)


def _row(environment: CuratedEnvironment) -> dict[str, str]:
    from toolkit.plans.foundation import foundation_of
    from toolkit.specs.environment import Dockerfile

    base = foundation_of(environment)
    return {
        "name": environment.title,
        "kind": environment.kind,
        "python": environment.python or "-",
        "era": environment.era,
        "base": f"{base.path.parent.name}/{base.path.name}"
        if isinstance(base, Dockerfile)
        else base or "-",
    }


def _facts(seen: Preview) -> dict[str, str]:
    facts = {"name": seen.name, "kind": seen.kind, "base": seen.base, "prefix": seen.prefix}
    if seen.refused:
        facts["refused"] = seen.refused
    else:
        facts["packages"] = seen.installed_by
    return {label: value for label, value in facts.items() if value}


def _document(seen: Preview) -> dict[str, Any]:
    return {
        "name": seen.name,
        "kind": seen.kind,
        "base": seen.base,
        "prefix": seen.prefix,
        "packages": seen.installed_by,
        "installs": list(seen.installs),
        "refused": seen.refused,
        "notes": list(seen.notes),
        "files": {str(path): text for path, text in seen.files.items()},
    }
