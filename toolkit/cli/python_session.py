"""What `python` does: answer the script's calls while it runs, then see its runs to their ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import typer

from toolkit.cli import console
from toolkit.cli.run_debugging import tell_debugger
from toolkit.cli.workspace import opened_workspace
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.errors import EngineUnavailable, SpecError
from toolkit.live.authoring.computes import add_computes
from toolkit.live.authoring.routes import ROUTES
from toolkit.live.authoring.service import Authoring, handlers
from toolkit.live.authoring.variables import script_variables
from toolkit.live.tracking.server import Tracking
from toolkit.settings import load_settings
from toolkit.specs.yamlfile import nearest_file

_GRACE_SECONDS: Final = 3.0  # for a script, and for each of its runs, after Ctrl-C
_SIGNALLED: Final = 128  # what a shell adds to the number of a signal


@dataclass(frozen=True, kw_only=True)
class ScriptOrder:
    """The flags of `python`, checked by nobody yet."""

    script: Path
    arguments: tuple[str, ...] = ()
    python: str | None = None
    computes: tuple[str, ...] = ()
    engine: str | None = None


def carry_out(order: ScriptOrder) -> None:
    """Run the script; its exit code becomes ours."""
    if not order.script.is_file():
        raise SpecError(
            f"script not found: {order.script}",
            hint=nearest_file(order.script),
        )
    settings = load_settings(engine=order.engine)
    interpreter = interpreter_of(order.python)
    engine = make_engine(settings.engine, settings.environ)
    with opened_workspace(settings) as workspace:
        add_computes(workspace, order.computes)
        tracking = Tracking(workspace, binds=_binds(engine), datastores=settings.datastores)
        authoring = Authoring(
            workspace=workspace,
            engine=engine,
            settings=settings,
            tracking=tracking,
            announce=partial(tell_debugger, settings=settings),
        )
        tracking.answer(handlers(authoring, ROUTES))
        with tracking:
            environ = script_variables(
                workspace,
                server=f"http://127.0.0.1:{tracking.port}",
                token=tracking.token_for(None),
                environ=settings.environ,
            )
            code = _attended([interpreter, str(order.script), *order.arguments], environ, authoring)
    if code:
        raise typer.Exit(code if code > 0 else _SIGNALLED - code)


def interpreter_of(given: str | None) -> str:
    """The Python that runs the script: a path, or the name of a program."""
    if given is None:
        return sys.executable
    found = shutil.which(given)
    if found is None:
        raise SpecError(f"no such interpreter: {given}", hint="name a Python with `--python PATH`")
    return os.path.abspath(found)  # noqa: PTH100  # a venv's python is a link, to be kept


def _binds(engine: Engine) -> list[str]:
    """Where jobs reach us. Scripts that run nothing do without an engine."""
    try:
        return [engine.host_address().bind]
    except EngineUnavailable as error:
        console.warn(f"nothing can be built or run: {error.message}")
        return []


def _attended(argv: list[str], environ: Mapping[str, str], authoring: Authoring) -> int:
    """Run the script to its end, and wait for what it has submitted; Ctrl-C ends all of it."""
    try:
        code = _run(argv, environ)
        _finish_work(authoring)
        if names := ", ".join(_going_on(authoring)):
            console.say(f"the script has ended; waiting for its runs (Ctrl-C cancels): {names}")
        authoring.submitted.wait()
    except BaseException:
        for name in authoring.submitted.cancel(seconds=_GRACE_SECONDS * 2):
            console.warn(f"run {name} has not ended yet; the next command will look after it")
        raise
    else:
        return code


def _finish_work(authoring: Authoring) -> None:
    """What the script began and did not wait for: images, packages, deployments."""
    begun = authoring.operations.unfinished()
    for each in begun:
        console.say(f"the script has ended; going on with the {each.title} (Ctrl-C gives it up)")
    authoring.operations.wait()
    for each in begun:
        if each.error:
            console.warn(f"the {each.title} failed: {each.error['message']}")


def _going_on(authoring: Authoring) -> list[str]:
    """Runs that have not come to their end; of others the last words are being written."""
    names = [each.name for each in authoring.submitted.unfinished()]
    return [name for name in names if not authoring.workspace.runs.get(name).is_terminal]


def _run(argv: list[str], environ: Mapping[str, str]) -> int:
    """The script has our terminal, so Ctrl-C there reaches both."""
    try:
        process = subprocess.Popen(argv, env=dict(environ))
    except OSError as error:  # executable, but no program
        raise SpecError(
            f"cannot be started: {argv[0]} ({error.strerror})",
            hint="name a Python interpreter with `--python`",
        ) from error
    try:
        return process.wait()
    except BaseException:
        for signalled in (0, signal.SIGTERM, signal.SIGKILL):
            if signalled:
                process.send_signal(signalled)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
                break
        raise
