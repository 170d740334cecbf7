"""Everything that prints. Results go to stdout, narration to stderr, user output untouched."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from toolkit.errors import EmuError
from toolkit.settings import wants_color

if TYPE_CHECKING:
    from rich.console import Console

_MARGIN = " " * 9


@cache
def err() -> Console:
    """The console for what moves. Plain lines do without it: importing rich takes 0.1 s."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _line(label: str, text: str, **style: Any) -> None:
    """A styled label and plain text; colour only on a terminal, and if it is wanted."""
    color = None if wants_color() else False
    # not err=True: typer would write past a live table, which replaces sys.stderr
    typer.echo(typer.style(label, **style) + text, file=sys.stderr, color=color)


def say(text: str) -> None:
    """One line of narration."""
    _line("aml-emu", f"  {text}", dim=True)


def fact(label: str, text: str) -> None:
    """One labelled line of a summary."""
    _line(f"{_MARGIN}{label:<8}", text, bold=True)


def dim(text: str) -> None:
    """A line of little weight."""
    _line(f"{_MARGIN}{text}", "", dim=True)


def warn(text: str) -> None:
    _line("aml-emu", f"  {text}", fg="yellow")


def result(text: str) -> None:
    """A result: what a script would read."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def result_json(document: Any) -> None:
    """The one JSON document of a command run with `--json`."""
    try:
        text = json.dumps(document, indent=2, allow_nan=False)
    except ValueError:  # a loss may be NaN, for which JSON has no number
        text = json.dumps(_with_numbers_named(document), indent=2)
    result(text)


def _with_numbers_named(node: Any) -> Any:
    """NaN and the infinities as MLflow's API writes them."""
    from toolkit.live.tracking.shapes import number_json

    if isinstance(node, dict):
        return {key: _with_numbers_named(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_with_numbers_named(value) for value in node]
    return number_json(node) if isinstance(node, float) else node


def shown(path: Path) -> Path:
    """The path as somebody in this folder would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def error(problem: EmuError) -> None:
    """The message first, the evidence untouched, then what to do."""
    _line("error", f": {problem.message}", fg="red", bold=True)
    if problem.details:
        traceback(problem.details)
    if problem.hint:
        _line("hint", f": {problem.hint}", fg="cyan", bold=True)


def traceback(text: str) -> None:
    """The user's own traceback, as Python printed it."""
    typer.echo(text.rstrip(), file=sys.stderr)


def pump(chunks: Iterator[bytes], *, json: bool = False) -> threading.Thread:
    """Copy a service's output to stdout as it comes, in a thread that ends with it.

    To stderr with `json`: stdout then holds the document and nothing else.
    """

    def copy() -> None:
        for chunk in chunks:
            stream = sys.stderr if json else sys.stdout
            stream.buffer.write(chunk)
            stream.buffer.flush()

    thread = threading.Thread(target=copy, name="service-output", daemon=True)
    thread.start()
    return thread


def show_logging(*, verbose: bool) -> None:
    """Install the one log handler; `verbose` shows every command that is run."""
    logging.basicConfig(level=logging.WARNING, format="aml-emu  %(message)s", stream=sys.stderr)
    logging.getLogger("toolkit").setLevel(logging.DEBUG if verbose else logging.WARNING)
