"""`run --detach`: a process of its own looks after the run, so that this one can end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.cli import console
from toolkit.engines.command import own_module
from toolkit.errors import EmuError, NotFound, NotReady
from toolkit.live.readiness import retry_until
from toolkit.settings import Settings
from toolkit.workspace.model import Run, RunNaming
from toolkit.workspace.names import fresh_run_name
from toolkit.workspace.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder

_BEGUN = {"Running", "Finalizing", "Completed", "Failed", "Canceled"}
_LONGEST_START = 24 * 3600.0  # an image may have to be built; Ctrl-C gives up


def detach(order: RunOrder, settings: Settings, *, experiment: str, era: RunNaming) -> None:
    """Start the keeper, and return when the run runs.

    Raises NotReady, with the keeper's own words, if it ended before that.
    """
    name = order.name or fresh_run_name(era, experiment)
    log = settings.state_folder / "detached" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    keeper = _start(keeper_arguments(sys.argv[1:], name), log)
    with Workspace.open(settings.state_folder) as workspace:
        try:
            run = _begun(workspace, name, keeper)
        except KeyboardInterrupt:
            keeper.terminate()
            keeper.wait()
            raise
    if run is None or (run.status == "Failed" and run.started is None):
        code = keeper.wait()  # it records the failure before it says why
        words = log.read_text("utf-8", "replace").strip()
        raise _failed(name, words, code)
    console.say(f"run {name} goes on: `aml-emu runs logs -f {name}`, `aml-emu runs cancel {name}`")
    if run.debug_address:
        console.fact("attach", run.debug_address)
    if order.json:
        console.result_json({"name": name, "status": run.status, "log": str(log)})
    else:
        console.result(name)


def keeper_arguments(arguments: Sequence[str], name: str) -> list[str]:
    """The same command line, to be carried out in the foreground under that name."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    mine = [word for word in words[:end] if word not in {"--detach", "--json"}]
    named = any(word == "--name" or word.startswith("--name=") for word in mine)
    return [*mine, *([] if named else ["--name", name]), *words[end:]]


def _start(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            own_module("toolkit.cli", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's end is not its end
            env={**os.environ, "NO_COLOR": "1"},
        )


def _begun(workspace: Workspace, name: str, keeper: subprocess.Popen[bytes]) -> Run | None:
    """The run once it runs or has ended; None if its keeper is gone without one."""
    gone: list[bool] = []  # seen to have ended, and looked once more since

    def look() -> Run | bool | None:
        try:
            run = workspace.runs.get(name)
        except NotFound:
            run = None
        if run is not None and (gone or run.status in _BEGUN):
            return run
        if gone:
            return False
        if keeper.poll() is not None:
            gone.append(True)
        return None

    found = retry_until(look, timeout=_LONGEST_START)
    return found if isinstance(found, Run) else None


def _failed(name: str, words: str, code: int) -> EmuError:
    lines = words.splitlines()
    error = NotReady(f"run {name} could not be started", details="\n".join(lines[-20:]))
    error.exit_code = code or NotReady.exit_code  # type: ignore[misc]  # what the keeper said
    return error
