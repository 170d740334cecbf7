"""The service's own lines in a run's logs, as people know them from Azure: text and files only.

The literal lines of 70_driver_log.txt are those of logs that users published.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    StepCached,
    StepFailed,
    StepLog,
    StepStarted,
)
from toolkit.plans.job_layout import JobLayout
from toolkit.plans.model import LaunchPlan
from toolkit.specs.job import CommandJob

_SECRET: Final = ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL", "AML_EMU_JOB")
_CONTEXTS: Final = (
    "ProjectPythonPath:context_managers.ProjectPythonPath",
    "RunHistory:context_managers.RunHistory",
    "TrackUserError:context_managers.TrackUserError",
    "UserExceptions:context_managers.UserExceptions",
)


class LogFile:
    """A log that only grows; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def stamp(self, text: str) -> None:
        """The same with the time in front, as the service's programs write it."""
        self.say(f"[{_now()}] {text}")


class BuildLog:
    """Writes the steps of a build to a log on their way to whoever shows them."""

    def __init__(self, logs: Sequence[LogFile], then: Callable[[BuildEvent], None]) -> None:
        self._logs = logs
        self._then = then

    def __call__(self, event: BuildEvent) -> None:
        if text := _told(event):
            for log in self._logs:
                log.say(text)
        self._then(event)


def _told(event: BuildEvent) -> str:
    match event:
        case StepStarted(name=name, place=place):
            return f"Step {place} : {name}"
        case StepLog(text=text):
            return text.rstrip()
        case StepCached(step=step):
            return f" ---> Using cache (step {step})"
        case StepFailed(step=step, error=error):
            return f"step {step} failed: {error}"
        case ImageReady(id=id_):
            return f"Successfully built {id_}"
        case _:
            return ""


def preamble(job: CommandJob, layout: JobLayout, arguments: Sequence[str]) -> str:
    """What stands in front of a v1 script's own output."""
    script = job.script or ""
    given = list(job.arguments)
    inject = list(_CONTEXTS)
    invocation = [script, *given]
    options = (
        "[context_manager_injector.py] Command line Options: "
        f"Namespace(inject={inject!r}, invocation={invocation!r})"
    )
    expanded = (
        f"After variable expansion, calling script [ {script} ] with arguments: {list(arguments)!r}"
    )
    return "\n".join(
        (
            f"[{_now()}] Entering context manager injector.",
            options,
            "Starting the daemon thread to refresh tokens in background for process with pid = 1",
            "Entering Run History Context Manager.",
            f"Current directory:  {layout.working_dir}",
            f"Preparing to call script [ {script} ] with arguments: {given!r}",
            expanded,
            "",
            "Script type = None",
            "",
        )
    )


def command_preamble(command: str, layout: JobLayout) -> str:
    """The same for a v1 job that is a command."""
    return "\n".join(
        (
            f"[{_now()}] Entering context manager injector.",
            f"Current directory:  {layout.working_dir}",
            "Script type = COMMAND",
            f"[{_now()}] Command={command}",
            f"Command Working Directory={layout.working_dir}",
            f"Starting Linux command : {command}",
            "",
        )
    )


def expanded(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """`$AZUREML_DATAREFERENCE_x` and `$x`, as the program in the container expands them."""
    return [
        re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: environ.get(m[1] or m[2], m[0]), word)
        for word in arguments
    ]


def epilogue(exit_code: int, seconds: float) -> str:
    """What stands behind it."""
    failed = exit_code != 0
    outcome = f"failed with exit code: {exit_code}" if failed else "completed successfully"
    end = "Finished context manager injector"
    return "\n".join(
        (
            "",
            "",
            f"The experiment {outcome}. Finalizing run...",
            "Logging experiment finalizing status in history service.",
            "Cleaning up all outstanding Run operations, waiting 300.0 seconds",
            "1 items cleaning up...",
            f"Cleanup took {seconds:.2f} seconds",
            f"[{_now()}] {end}{' with SystemExit exception' if failed else ''}.",
            "",
        )
    )


def launch_line(plan: LaunchPlan, *, engine: str) -> str:
    """The launch as the control log shows it; what is secret in it is not shown."""
    mounts = [
        word
        for mount in plan.mounts
        for word in ("-v", f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}")
    ]
    variables = [
        word for name, value in plan.env.items() for word in ("-e", f"{name}={shown(name, value)}")
    ]
    size = ["--shm-size", plan.shm_size] if plan.shm_size else []
    words = ["--name", plan.name, *mounts, *size, *variables, plan.image]
    if engine == "docker":
        return f"Running: {['docker', 'run', '--rm', *words]!r}"
    return f"Running on the engine `{engine}`: {words!r}"


def shown(name: str, value: str) -> str:
    """A variable's value for a log, without what opens doors."""
    return "***" if any(part in name.upper() for part in _SECRET) else value


def described(job: CommandJob, inputs: Mapping[str, str]) -> str:
    """One line for people: what is run, on what."""
    if job.script is not None:
        return shlex.join([job.script, *job.arguments])
    listed = ", ".join(f"{name}={value}" for name, value in inputs.items())
    return f"{(job.command or '').strip()}{f'  ({listed})' if listed else ''}"


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat()
