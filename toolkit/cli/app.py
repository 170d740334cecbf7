"""The command line's root: the commands, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from copy import copy
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.main import get_command_name, get_group
from typer.models import CommandInfo

from toolkit.cli import console
from toolkit.cli.arguments import spelled_out, without_verbose
from toolkit.cli.assets import app as assets_app
from toolkit.cli.assets import register
from toolkit.cli.base import app as base_app
from toolkit.cli.build import build
from toolkit.cli.debug import app as debug_app
from toolkit.cli.deploy import deploy
from toolkit.cli.doctor import doctor
from toolkit.cli.env import app as env_app
from toolkit.cli.invoke import invoke
from toolkit.cli.load import load
from toolkit.cli.package import package
from toolkit.cli.promote import promote
from toolkit.cli.prune import prune
from toolkit.cli.python import SETTINGS as PYTHON_SETTINGS
from toolkit.cli.python import python
from toolkit.cli.replay import replay
from toolkit.cli.run import run
from toolkit.cli.run_control import cancel as cancel_run
from toolkit.cli.run_control import logs as run_logs
from toolkit.cli.runs import app as runs_app
from toolkit.cli.serve import serve
from toolkit.cli.services import down, logs, ps, stop
from toolkit.cli.traffic import credentials, traffic
from toolkit.errors import EmuError, SpecError

# Typer has brought its own copy of click since 0.26; older ones import it: ask the class itself.
_UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]
_CTRL_C = 130
_USAGE = 2
_OUR_BUG = 70

app = typer.Typer(
    name="aml-emu",
    help="Azure ML on this machine: build, serve and debug without Azure.",
    epilog="With any command, --verbose shows every program that is run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(build, package),
    *(serve, deploy, invoke, traffic, credentials, replay, load, promote),
    *(run, register),
    *(ps, logs, stop, down, prune, doctor),
)
for command in _COMMANDS:
    app.command()(command)
app.command(context_settings=PYTHON_SETTINGS)(python)
app.add_typer(assets_app, name="assets")
app.add_typer(base_app, name="base")
app.add_typer(debug_app, name="debug")
app.add_typer(env_app, name="env")
runs_app.command("logs")(run_logs)
runs_app.command("cancel")(cancel_run)
app.add_typer(runs_app, name="runs")


def main() -> NoReturn:
    """Run one command; never shows a Python traceback for something expected."""
    given, verbose = without_verbose(sys.argv[1:])
    console.show_logging(verbose=verbose)
    arguments = spelled_out(given)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # SIGINT too: a shell's `&` sets it to ignore
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, _as_ctrl_c)
    try:
        group = get_group(_meant(arguments))
        sys.exit(group(arguments, prog_name="aml-emu", standalone_mode=False) or 0)
    except EmuError as error:
        console.error(error)
        sys.exit(error.exit_code)
    except _UsageProblem as error:
        _tell_misuse(error)
        sys.exit(_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(_CTRL_C)
    except Exception as error:  # noqa: BLE001  # the boundary: anything else is our bug
        console.warn(f"this is a bug of aml-emu: {error!r}; the details are in {_crash_log()}")
        sys.exit(_OUR_BUG)
    finally:
        gc.freeze()  # Python looks through all objects once more at its end, which takes 50 ms


def _tell_misuse(error: Any) -> None:
    """A problem of click's as we tell ours: what is wrong, and where to read how it is right."""
    said = str(error.format_message()).rstrip(".")
    if said.startswith("Usage:"):  # nothing was asked for: what can be
        error.show()
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "aml-emu"
    told = SpecError(said[:1].lower() + said[1:], hint=f"run `{command} --help`")
    console.error(told)


def _meant(arguments: list[str]) -> typer.Typer:
    """The app with no command but the one that is named first: Typer takes long to read them all.

    All of it where none is: for `--help`, and to say what was misspelt.
    """
    word = arguments[0] if arguments else ""
    commands = [each for each in app.registered_commands if _name(each) == word]
    groups = [each for each in app.registered_groups if each.name == word]
    if not commands and not groups:
        return app
    narrow = copy(app)
    narrow.registered_commands, narrow.registered_groups = commands, groups
    return narrow


def _name(command: CommandInfo) -> str:
    if command.name or command.callback is None:
        return command.name or ""
    return get_command_name(command.callback.__name__)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> NoReturn:
    """A closed terminal or a `kill` ends what was started, as Ctrl-C does."""
    raise KeyboardInterrupt


def _crash_log() -> Path:
    import tempfile

    # its owner's alone, under a name that nobody can have taken: arguments may hold keys
    number, name = tempfile.mkstemp(prefix="aml-emu-crash-", suffix=".txt")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(f"{sys.argv}\n\n{traceback.format_exc()}")
    return Path(name)
