"""Everything that prints. Results go to stdout, narration to stderr, user output untouched."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from toolkit.errors import EmuError

if TYPE_CHECKING:
    from rich.console import Console


@cache
def err() -> Console:
    """The console on stderr; rich is imported by the first line that needs it."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _print(markup: str, text: str = "") -> None:
    from rich.markup import escape

    err().print(f"{markup}{escape(text)}")


def say(text: str) -> None:
    """One line of narration."""
    _print("[dim]aml-emu[/dim]  ", text)


def fact(label: str, text: str) -> None:
    """One labelled line of a summary."""
    _print(f"         [bold]{label:<8}[/bold]", text)


def dim(text: str) -> None:
    """A line of little weight."""
    _print("[dim]         ", text)


def warn(text: str) -> None:
    _print("[yellow]aml-emu[/yellow]  ", text)


def result(text: str) -> None:
    """A result: what a script would read."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def result_json(document: Any) -> None:
    """The one JSON document of a command run with `--json`."""
    result(json.dumps(document, indent=2))


def error(problem: EmuError) -> None:
    """The message first, the evidence untouched, then what to do."""
    _print("[bold red]error[/bold red]: ", problem.message)
    if problem.details:
        err().out(problem.details.rstrip(), highlight=False)
    if problem.hint:
        _print("[bold cyan]hint[/bold cyan]: ", problem.hint)


def traceback(text: str) -> None:
    """The user's own traceback, as Python printed it."""
    err().out(text.rstrip(), highlight=False)


def pump(chunks: Iterator[bytes]) -> threading.Thread:
    """Copy a service's output to stdout as it comes, in a thread that ends with it."""

    def copy() -> None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()

    thread = threading.Thread(target=copy, name="service-output", daemon=True)
    thread.start()
    return thread


def show_logging(*, verbose: bool) -> None:
    """Install the one log handler; `verbose` shows every command that is run."""
    logging.basicConfig(level=logging.WARNING, format="aml-emu  %(message)s", stream=sys.stderr)
    logging.getLogger("toolkit").setLevel(logging.DEBUG if verbose else logging.WARNING)
