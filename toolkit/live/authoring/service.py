"""What the calls of a v1 script share: the workspace, the engine, the long work under way.

A call is a function of this and of the request (`Call`); `routes.py` says which path is which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from toolkit.engines.base import Engine
from toolkit.live.authoring.operations import Operations
from toolkit.live.authoring.submitted import Submitted
from toolkit.live.live_run import LiveRun, Tracker
from toolkit.live.tracking.call import Answer, Call, Handler
from toolkit.live.tracking.failures import Refused
from toolkit.live.tracking.routes import V1
from toolkit.settings import Settings
from toolkit.specs.job import CommandJob
from toolkit.workspace.workspace import Workspace

PREFIX: Final = f"{V1}/authoring"


class Announce(Protocol):
    """Told of each job that a debugger can attach to, on the job's own thread."""

    def __call__(self, live: LiveRun, job: CommandJob) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Authoring:
    """One script's session. `engine` is contacted when something is built or run, not before."""

    workspace: Workspace
    engine: Engine
    settings: Settings
    tracking: Tracker
    announce: Announce = lambda live, job: None  # noqa: ARG005  # nobody is to be told
    operations: Operations = field(default_factory=Operations)
    submitted: Submitted = field(default_factory=Submitted)


AuthoringHandler = Callable[[Authoring, Call], Answer]
Routes = Mapping[tuple[str, str], AuthoringHandler]
"""By method and path; the path goes on from `PREFIX`, e.g. ("POST", "images")."""


def handlers(authoring: Authoring, routes: Routes) -> dict[tuple[str, str], Handler]:
    """The same as tracking serves them. Only the user's own process may call."""
    return {
        (method, f"{PREFIX}/{path}"): partial(_guarded, authoring, handler)
        for (method, path), handler in routes.items()
    }


def operation(authoring: Authoring, call: Call) -> Answer:
    """How far long work has come; `after` is the number of lines that are known."""
    return authoring.operations.get(call.text("operation")).as_json(call.number("after", 0))


def _guarded(authoring: Authoring, handler: AuthoringHandler, call: Call) -> dict[str, Any]:
    if call.caller.run is not None:
        raise Refused(
            "PERMISSION_DENIED",
            f"run `{call.caller.run}` is a job: submitting, building and deploying is for "
            "scripts that `aml-emu python` runs",
        )
    return dict(handler(authoring, call))
