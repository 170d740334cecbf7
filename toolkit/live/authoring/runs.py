"""Runs of a v1 script: submitted, shown as they go, canceled."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from toolkit.engines.events import BuildEvent
from toolkit.errors import Conflict, EmuError, NotFound
from toolkit.live.authoring.environments import environment_maker
from toolkit.live.authoring.jobs import Origin, Shop, debug_of, job_of
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.authoring.submitted import Submission
from toolkit.live.inputs import data_locator, resolve_inputs
from toolkit.live.live_run import LiveRun
from toolkit.live.readiness import retry_until
from toolkit.live.run import RunRequest, start_run
from toolkit.live.run_cancel import cancel_run
from toolkit.live.run_files import logs_of
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.failures import invalid
from toolkit.workspace.model import Run
from toolkit.workspace.names import fresh_run_name
from toolkit.workspace.workspace import Workspace

CONDA: Final = "pip-only"  # where conda packages of v1 environments come from
_START_SECONDS: Final = 60.0
_BLOCK: Final = 1 << 16
_SHOWN: Final = ("azureml-logs/", "user_logs/std_log")


def submit(authoring: Authoring, call: Call) -> Answer:
    """Begin; the operation's result names the run, once it is there."""
    told = call.object("job")
    origin = Origin.of(call.values)
    experiment = call.text("experiment")
    tags = call.mapping("tags")

    def work(say: Say) -> Mapping[str, Any]:
        job = job_of(told, origin, _shop(authoring, say))
        request = RunRequest(
            job=job,
            experiment=experiment,
            name=fresh_run_name("v1", experiment),
            inputs=resolve_inputs(job, _shop(authoring, say).locator),
            debug=debug_of(job),
            tags=tags,
            properties={"runType": "azureml.scriptrun"},
            conda=CONDA,
        )
        return {"run": begun(authoring, request).name}

    return {"operation": authoring.operations.start(f"run in {experiment}", work).id}


def begun(authoring: Authoring, request: RunRequest) -> Run:
    """The run, looked after by a thread of its own."""
    started = _Started(authoring, request)
    name = request.name or ""
    submission = authoring.submitted.start(name, started.carry_out, started.cancel)
    return recorded(authoring.workspace, submission)


def recorded(workspace: Workspace, submission: Submission) -> Run:
    """The run as soon as it is there; raises what kept it from being recorded."""

    def look() -> Run | bool | None:
        over = submission.ended.is_set()
        try:
            return workspace.runs.get(submission.name)
        except NotFound:
            return False if over else None

    found = retry_until(look, timeout=_START_SECONDS)
    if isinstance(found, Run):
        return found
    error = submission.error or {"message": f"run {submission.name} did not begin in time"}
    raise EmuError(error["message"], details=error.get("details", ""), hint=error.get("hint", ""))


class _Started:
    """One run from its start to its end, and the way to end it before."""

    def __init__(self, authoring: Authoring, request: RunRequest) -> None:
        self._authoring = authoring
        self._request = request
        self._live: LiveRun | None = None

    def carry_out(self) -> None:
        authoring = self._authoring
        self._live = start_run(
            self._request,
            workspace=authoring.workspace,
            engine=authoring.engine,
            settings=authoring.settings,
            tracking=authoring.tracking,
            say=_unsaid,
            on_event=_unsaid,
        )
        try:
            authoring.announce(self._live, self._request.job)
        finally:
            self._live.wait()

    def cancel(self) -> None:
        if self._live is not None:
            self._live.cancel()
            return
        with suppress(Conflict, NotFound):  # it has ended, is just about to run, or not begun
            self._authoring.workspace.runs.advance(self._request.name or "", "Canceled")


def log(_authoring: Authoring, call: Call) -> Answer:
    """A part of a log from `offset` on, and the run's status before it was read.

    With `latest`, the log that is written now: the next one, when all of `name` is known.
    """
    run = call.run()
    folder = call.workspace.folder_of(run.name)
    names = logs_of(folder)
    name = call.optional("name") or ""
    offset = call.number("offset", 0)
    if not call.values.get("latest"):
        if name not in names:
            raise invalid(f"the run has no such log: {name}")
        text = (folder / name).read_text("utf-8", errors="replace")
        return {"name": name, "text": text, "offset": 0, "status": run.status}
    shown = sorted(each for each in names if each.startswith(_SHOWN))
    name = name if name in shown else (shown[-1] if shown else "")
    text, following = _read(folder / name, offset) if name else ("", 0)
    if not text and shown and shown[-1] > name:
        name = shown[-1]
        text, following = _read(folder / name, 0)
    return {"name": name, "text": text, "offset": following, "status": run.status}


def cancel(authoring: Authoring, call: Call) -> Answer:
    run = call.own_run()
    submission = authoring.submitted.get(run.name)
    if submission is not None:
        authoring.operations.start(f"cancel {run.name}", partial(_cancelled, submission))
        return {}

    def work(_say: Say) -> Mapping[str, Any]:
        cancel_run(authoring.workspace, authoring.engine, run.name)
        return {}

    authoring.operations.start(f"cancel {run.name}", work)
    return {}


def outputs(_authoring: Authoring, call: Call) -> Answer:
    return {"outputs": {name: str(path) for name, path in call.run().outputs.items()}}


def download(_authoring: Authoring, call: Call) -> Answer:
    """Copy an output to a place of this machine, where the script runs too."""
    run, name = call.run(), call.text("output")
    if name not in run.outputs or not run.outputs[name].exists():
        raise invalid(f"run `{run.name}` left no output `{name}`")
    source, target = run.outputs[name], Path(call.text("target"))
    overwrite = bool(call.values.get("overwrite"))
    if target.exists() and not overwrite:
        raise invalid(f"{target} exists already: pass overwrite=True")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy2(source, target)
        return {"files": 1}
    shutil.copytree(source, target, dirs_exist_ok=True)
    return {"files": sum(each.is_file() for each in source.rglob("*"))}


def experiments(_authoring: Authoring, call: Call) -> Answer:
    return {"names": [each.name for each in call.workspace.experiments.list(archived=False)]}


def _shop(authoring: Authoring, say: Say) -> Shop:
    return Shop(
        workspace=authoring.workspace,
        locator=data_locator(authoring.workspace, authoring.settings, say=say),
        environment_of=environment_maker(
            authoring.settings, authoring.engine, kind="training", say=say
        ),
    )


def _cancelled(submission: Submission, _say: Say) -> Mapping[str, Any]:
    submission.cancel()
    return {}


def _read(path: Path, offset: int) -> tuple[str, int]:
    """Whole characters from there on, and where the next part begins."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(_BLOCK)
    try:
        return data.decode(), offset + len(data)
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 and error.start:  # noqa: PLR2004  # one cut in two
            return data[: error.start].decode(), offset + error.start
        return data.decode(errors="replace"), offset + len(data)


def _unsaid(_news: str | BuildEvent) -> None:
    """It stands in the run's own control log."""


ROUTES: Routes = {
    ("POST", "runs"): submit,
    ("GET", "runs/{run_id}/log"): log,
    ("POST", "runs/{run_id}/cancel"): cancel,
    ("GET", "runs/{run_id}/outputs"): outputs,
    ("POST", "runs/{run_id}/outputs"): download,
    ("GET", "experiments"): experiments,
}
