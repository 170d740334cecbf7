"""What is known about a line of the user's and the service that runs it. Gathers, never judges."""

from __future__ import annotations

import hashlib
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from toolkit.dev.reload import Agent, in_container
from toolkit.engines.base import Engine, Handle
from toolkit.errors import NotReady, SpecError
from toolkit.live.service import Service, find_services, the_service
from toolkit.plans import azureml
from toolkit.specs.yamlfile import nearest_file


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line of a file, as the user names it: a path of theirs, or the container's."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What the service's agent says about the file. `loaded` is by worker, None: not loaded."""

    reloads: str | None = None
    exists: bool = False
    error: str = ""
    sha256: str | None = None
    lines: tuple[int, ...] = ()
    loaded: Mapping[int, str | None] = field(default_factory=dict)
    client: str = ""
    sessions: tuple[int, ...] = ()
    breakpoints: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that decides whether a breakpoint binds; None where there was nothing to ask."""

    place: Place
    source: str = ""
    sha256: str | None = None
    service: str | None = None
    code: Path | None = None
    state: str = ""
    app_root: PurePosixPath = azureml.APP_ROOT
    remote: PurePosixPath | None = None
    is_debuggable: bool = False
    inside: Inside | None = None
    others: Mapping[str, Path] = field(default_factory=dict)


def read_place(text: str) -> Place:
    """`FILE:LINE`; raises SpecError for anything else."""
    file, _, line = text.rpartition(":")
    if not file or not line.isdecimal() or not int(line):
        raise SpecError(f"not FILE:LINE: {text}", hint="write it like `score.py:12`")
    return Place(file=Path(file), line=int(line))


def gather(engine: Engine, place: Place, name: str | None) -> Evidence:
    """Look at the file, the services and, if one of them can be debugged, into its container.

    Raises SpecError for a file that is neither here nor of a container, NotFound for a service
    that is not there, NotReady for an agent that does not answer.
    """
    local, remote = place.file.resolve(), PurePosixPath(place.file)
    if not local.is_file() and not remote.is_absolute():
        raise SpecError(f"file not found: {place.file}", hint=nearest_file(place.file))
    service = the_service(engine, name) if name else _nearest(engine, local, remote)
    if service is None:
        others = {each.name: each.code for each in find_services(engine)}
        return Evidence(place=place, others=others)
    code = service.code
    if not local.is_file():
        local = _on_this_side(remote, service) or local
    data = local.read_bytes() if local.is_file() else None
    if local.is_relative_to(code):
        remote = service.handle.path_inside(in_container(local, code))
    state = service.handle.state()
    seen = Evidence(
        place=Place(file=local, line=place.line),
        source="" if data is None else _decoded(local),
        sha256=None if data is None else hashlib.sha256(data).hexdigest(),
        service=service.name,
        code=code,
        state=state.status,
        app_root=service.app_root,
        remote=None if data is not None and not local.is_relative_to(code) else remote,
        is_debuggable=service.debugger is not None if state.is_running else False,
    )
    if not seen.is_debuggable or seen.remote is None:
        return seen
    return _with_inside(seen, agent_of(service.handle))


def agent_of(handle: Handle) -> Agent:
    """The agent of a service that another process may have started: the token is in its container.

    Raises NotReady if it has none.
    """
    asked = handle.exec(["printenv", "AML_EMU_CONTROL_TOKEN"])
    if asked.exit_code:
        raise NotReady(
            f"`{handle.name}` has no agent to ask", hint="start the service again with `--debug`"
        )
    return Agent(handle, asked.output.strip())


def _nearest(engine: Engine, local: Path, remote: PurePosixPath) -> Service | None:
    """The service with the deepest code folder around the file, if possible one that runs.

    For a path of a container it is the only service there is.
    """
    services = find_services(engine)
    if not local.is_file():
        return the_service(engine, None) if remote.is_absolute() else None
    holding = [each for each in services if local.is_relative_to(each.code)]
    return max(holding, key=_closeness, default=None)


def _closeness(service: Service) -> tuple[int, bool, bool]:
    running = service.handle.state().is_running
    return len(service.code.parts), running, running and service.debugger is not None


def _on_this_side(remote: PurePosixPath, service: Service) -> Path | None:
    """The user's own file under a path that a traceback of the service shows."""
    for root in (service.app_root, azureml.APP_ROOT, azureml.APP_ROOT_ALIAS):
        if remote.is_relative_to(root):
            return service.code / remote.relative_to(root)
    return None


def _decoded(path: Path) -> str:
    """The text by its own coding line, as Python reads it."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError):
        return path.read_text("utf-8", errors="replace")


def _with_inside(seen: Evidence, agent: Agent) -> Evidence:
    status = agent.ask("status")
    lines = agent.ask("lines", file=str(seen.remote))
    return replace(seen, inside=_inside(status, lines))


def _inside(status: Mapping[str, Any], lines: Mapping[str, Any]) -> Inside:
    clients = status["clients"]
    roots = [str(client["client"]) for client in clients if client["worker"] is None]
    return Inside(
        reloads=status["mode"],
        exists=bool(lines["exists"]),
        error=str(lines.get("error", "")),
        sha256=lines["sha256"],
        lines=tuple(lines["lines"]),
        loaded={int(pid): digest for pid, digest in lines["loaded_sha256"].items()},
        client=roots[0].rpartition(" (")[0] or roots[0] if roots else "",
        sessions=tuple(int(c["worker"]) for c in clients if c["worker"] is not None),
        breakpoints=tuple(sorted(each["line"] for each in lines["breakpoints"] or ())),
    )
