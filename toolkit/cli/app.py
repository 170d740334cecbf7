"""The command line's root: the commands, and the one place where errors become exit codes."""

from __future__ import annotations

import signal
import sys
import traceback
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from toolkit.cli import console
from toolkit.cli.arguments import spelled_out
from toolkit.cli.base import app as base_app
from toolkit.cli.build import build
from toolkit.cli.debug import app as debug_app
from toolkit.cli.doctor import doctor
from toolkit.cli.env import app as env_app
from toolkit.cli.invoke import invoke
from toolkit.cli.package import package
from toolkit.cli.prune import prune
from toolkit.cli.serve import serve
from toolkit.cli.services import down, logs, ps, stop
from toolkit.errors import EmuError

# Typer has brought its own copy of click since 0.26; older ones import it: ask the class itself.
_UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]
_CTRL_C = 130
_USAGE = 2
_OUR_BUG = 70

app = typer.Typer(
    name="aml-emu",
    help="Azure ML on this machine: build, serve and debug without Azure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (build, package, serve, invoke, ps, logs, stop, down, prune, doctor):
    app.command()(command)
app.add_typer(base_app, name="base")
app.add_typer(debug_app, name="debug")
app.add_typer(env_app, name="env")


def main() -> NoReturn:
    """Run one command; never shows a Python traceback for something expected."""
    console.show_logging(verbose="--verbose" in sys.argv)
    arguments = spelled_out([argument for argument in sys.argv[1:] if argument != "--verbose"])
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # SIGINT too: a shell's `&` sets it to ignore
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, _as_ctrl_c)
    try:
        sys.exit(app(arguments, standalone_mode=False) or 0)
    except EmuError as error:
        console.error(error)
        sys.exit(error.exit_code)
    except _UsageProblem as error:
        error.show()  # type: ignore[attr-defined]  # every click exception can
        sys.exit(_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(_CTRL_C)
    except Exception as error:  # noqa: BLE001  # the boundary: anything else is our bug
        console.warn(f"this is a bug of aml-emu: {error!r}; the details are in {_crash_log()}")
        sys.exit(_OUR_BUG)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> NoReturn:
    """A closed terminal or a `kill` ends what was started, as Ctrl-C does."""
    raise KeyboardInterrupt


def _crash_log() -> Path:
    import tempfile

    stamp = datetime.now(tz=timezone.utc).strftime("%Y%m%d-%H%M%S")
    path = Path(tempfile.gettempdir()) / f"aml-emu-crash-{stamp}.txt"
    path.write_text(f"{sys.argv}\n\n{traceback.format_exc()}", "utf-8")
    return path
