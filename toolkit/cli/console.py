"""Everything that prints. Results go to stdout, narration to stderr, user output untouched."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from toolkit.errors import EmuError

ERR: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line of narration."""
    ERR.print(f"[dim]aml-emu[/dim]  {escape(text)}")


def fact(label: str, text: str) -> None:
    """One labelled line of a summary."""
    ERR.print(f"         [bold]{label:<8}[/bold]{escape(text)}")


def warn(text: str) -> None:
    ERR.print(f"[yellow]aml-emu[/yellow]  {escape(text)}")


def result(text: str) -> None:
    """A result: what a script would read."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def result_json(document: Any) -> None:
    """The one JSON document of a command run with `--json`."""
    result(json.dumps(document, indent=2))


def error(problem: EmuError) -> None:
    """The message first, the evidence untouched, then what to do."""
    ERR.print(f"[bold red]error[/bold red]: {escape(problem.message)}")
    if problem.details:
        ERR.out(problem.details.rstrip(), highlight=False)
    if problem.hint:
        ERR.print(f"[bold cyan]hint[/bold cyan]: {escape(problem.hint)}")


def traceback(text: str) -> None:
    """The user's own traceback, as Python printed it."""
    ERR.out(text.rstrip(), highlight=False)


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
    level = logging.DEBUG if verbose else logging.WARNING
    handler = RichHandler(console=ERR, show_path=False, show_time=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("toolkit").setLevel(level)
