"""A scoring service from start to stop: launch, wait until it answers, score, clean up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.engines.base import Address, Engine, Handle, State
from toolkit.errors import EmuError, NameTaken, NotFound, NotReady, PortTaken, UserCodeFailed
from toolkit.live.failure import last_line, user_traceback
from toolkit.live.readiness import answers, retry_until
from toolkit.plans import azureml, emulation
from toolkit.plans.model import LaunchPlan, Probe
from toolkit.plans.service import code_root, mountpoints

_LAST_LINES: Final = 30
_TRACEBACK_LINES: Final = 500
_USER_SCRIPT_EXIT: Final = re.compile(rf"gunicorn/finish {azureml.EXIT_USER_SCRIPT} ")


@dataclass(frozen=True)
class Service:
    """A started scoring service; everything about it comes from its handle."""

    handle: Handle

    @property
    def name(self) -> str:
        return self.handle.labels[emulation.LABEL_NAME]

    @property
    def scoring(self) -> Address:
        """Where requests go; NotReady or UserCodeFailed if it has ended."""
        port = self.handle.labels.get(emulation.LABEL_PORT, azureml.SCORING_PORT)
        return self._address(int(port))

    @property
    def url(self) -> str:
        return f"http://{self.scoring.host}:{self.scoring.port}"

    @property
    def debugger(self) -> Address | None:
        """Where an IDE attaches, if the service was started for debugging."""
        if emulation.LABEL_DEBUG not in self.handle.labels:
            return None
        return self._address(azureml.DEBUG_PORT)

    @property
    def code(self) -> Path:
        return Path(self.handle.labels[emulation.LABEL_CODE])

    @property
    def script(self) -> Path:
        return self.code / self.handle.labels[emulation.LABEL_SCRIPT]

    @property
    def app_root(self) -> PurePosixPath:
        """The code folder as the service sees it, which is what breakpoints are set in."""
        return self.handle.path_inside(code_root(self.handle.labels))

    def _address(self, port: int) -> Address:
        """Raises why it ended, if it has: then it has no addresses any more."""
        try:
            return self.handle.address(port)
        except KeyError as error:
            state = self.handle.state()
            if state.is_running:
                raise
            raise self.ended(state) from error

    def wait_ready(self, probe: Probe) -> None:
        """Return once the probe answers.

        Raises UserCodeFailed when the script ended the container, NotReady for any other end and
        for the time-out; both carry the last log lines.
        """

        def attempt() -> State | bool | None:
            state = self.handle.state()
            if not state.is_running:
                return state
            return answers(self._address(probe.port), probe.path) or None

        outcome = retry_until(attempt, timeout=probe.timeout)
        if outcome is None:
            raise NotReady(
                f"service `{self.name}` did not answer within {probe.timeout:.0f} s",
                details=self.last_lines(),
                hint=f"is `init()` still loading? see `aml-emu logs {self.name}`",
            )
        if isinstance(outcome, State):
            raise self.ended(outcome)

    def ended(self, state: State) -> EmuError:
        """Why a service that should run does not."""
        logs = self.last_lines()
        if state.out_of_memory:
            return NotReady(f"service `{self.name}` was killed for want of memory", details=logs)
        if _USER_SCRIPT_EXIT.search(logs):
            traceback = user_traceback(self.last_lines(_TRACEBACK_LINES))
            return UserCodeFailed(
                f"{self.script} failed while starting: {last_line(traceback)}".rstrip(": "),
                details=traceback or logs,
                hint="correct it and start again; `--debug` stops at the failing line",
            )
        return NotReady(
            f"service `{self.name}` ended (exit code {state.exit_code})",
            details=logs,
            hint="the lines above are the container's last words",
        )

    def last_lines(self, count: int = _LAST_LINES) -> str:
        text = b"".join(self.handle.logs(tail=count)).decode(errors="replace")
        return text.rstrip()

    def stop(self, engine: Engine) -> None:
        """End and remove it, and take away the mount points that were made for it."""
        labels = self.handle.labels
        self.handle.stop()
        made = json.loads(labels.get(emulation.LABEL_MOUNTPOINTS, "[]"))
        code = labels.get(emulation.LABEL_CODE, "")
        if made and not engine.find({emulation.LABEL_CODE: code}):
            _remove_mountpoints(Path(code), made)


def make_room(engine: Engine, name: str, ports: Iterable[int]) -> None:
    """See that a service of this name can start on these host ports, before anything slow.

    Raises NameTaken if one of that name runs (the remains of one that ended are removed), and
    PortTaken, saying by what.
    """
    for service in find_services(engine, name):
        if service.handle.state().is_running:
            raise NameTaken(
                f"service `{name}` is running already, serving {service.script}",
                hint=f"run `aml-emu stop {name}`, or pass another `--name`",
            )
        service.stop(engine)
    for port in ports:
        if holder := engine.port_holder(port):
            raise PortTaken(
                f"port {port} is in use by {holder}",
                hint="stop it, or choose another with `--port` / `--debug-port`",
            )


def start_service(engine: Engine, plan: LaunchPlan) -> Service:
    """Launch a plan of kind `service`; the caller waits for readiness. Raises as make_room does."""
    make_room(engine, plan.name, (port.host for port in plan.ports if port.host is not None))
    code = Path(plan.labels[emulation.LABEL_CODE])
    shared = _mountpoints_of(engine, code)
    made = _make_mountpoints(code, plan)
    labels = {**plan.labels, emulation.LABEL_MOUNTPOINTS: json.dumps([*shared, *made])}
    try:
        return Service(engine.launch(replace(plan, labels=labels)))
    except BaseException:
        _remove_mountpoints(code, made)
        raise


def find_services(engine: Engine, name: str | None = None) -> list[Service]:
    """Services on this engine, of all projects, whoever started them."""
    labels = {emulation.LABEL_KIND: "service"}
    if name:
        labels[emulation.LABEL_NAME] = name
    return sorted((Service(handle) for handle in engine.find(labels)), key=lambda s: s.name)


def the_service(engine: Engine, name: str | None) -> Service:
    """The service of that name, or the only one there is; raises NotFound."""
    found = find_services(engine, name)
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"`{service.name}`" for service in find_services(engine))
    there = f"there is: {names}" if names else "start one with `aml-emu serve`"
    if name:
        raise NotFound(f"no service named `{name}`", hint=there)
    raise NotFound("which service?" if names else "no service is running", hint=there)


def _mountpoints_of(engine: Engine, code: Path) -> list[str]:
    """What was made for others that serve the same folder: the last one to stop removes it all."""
    others = engine.find({emulation.LABEL_CODE: str(code)})
    made = (json.loads(other.labels.get(emulation.LABEL_MOUNTPOINTS, "[]")) for other in others)
    return sorted({path for paths in made for path in paths})


def _make_mountpoints(code: Path, plan: LaunchPlan) -> list[str]:
    """Create what Docker would otherwise create as root in the user's folder; say what was new."""
    sources = {mount.target: mount.source for mount in plan.mounts}
    root = code_root(plan.labels)
    made: list[str] = []
    for relative in mountpoints(plan):
        missing = [p for p in (relative, *relative.parents) if p.parts and not (code / p).exists()]
        for path in reversed(missing):
            if path == relative and sources[root / relative].is_file():
                (code / path).touch()
            else:
                (code / path).mkdir()
            made.append(str(path))
    return made


def _remove_mountpoints(code: Path, made: Iterable[str]) -> None:
    """Remove what _make_mountpoints made, deepest first, if it is still empty."""
    for relative in sorted(map(PurePosixPath, made), key=lambda p: len(p.parts), reverse=True):
        path = code / relative
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path.stat().st_size == 0:
            path.unlink()
