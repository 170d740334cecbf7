"""aml-emu prune: room on the disk, without touching what anybody else made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json
from toolkit.cli.tables import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.engines.base import Pruned, Pruning


def prune(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Only images of these environments.", metavar="[ENVIRONMENT]..."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Whatever is not in use, base images and caches too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go.")] = False,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """Remove what ended services, old images and builds of ours left; nothing of anybody else's."""
    from toolkit.engines.registry import make_engine
    from toolkit.live.prune import prune as clean_up
    from toolkit.settings import load_settings

    settings = load_settings(engine=engine)
    pruning = clean_up(
        make_engine(settings.engine, settings.environ),
        settings,
        everything=everything,
        dry_run=dry_run,
        names=names or (),
    )
    for note in pruning.notes:
        console.warn(note)
    if json:
        console.result_json(_document(pruning, dry_run=dry_run))
        return
    for line in _lines(pruning.removed):
        console.result(line)
    if dry_run:
        console.say(f"would free at least {size(pruning.freed)}; nothing was removed")
    else:
        console.say(f"freed {size(pruning.freed)}")


def _lines(removed: tuple[Pruned, ...]) -> Iterator[str]:
    """One line each; the build cache's records have no names, so they are summed up."""
    for each in removed:
        if each.kind != "build cache":
            yield f"{each.kind:<12}{size(each.size):>8}  {each.name}"
    records = [each.size for each in removed if each.kind == "build cache"]
    if records:
        yield f"{'build cache':<12}{size(sum(records)):>8}  {len(records)} steps and caches"


def _document(pruning: Pruning, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "freed": pruning.freed,
        "removed": [vars(each) for each in pruning.removed],
        "notes": list(pruning.notes),
    }
