"""Pipelines of a v1 script: checked, submitted, published."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from toolkit.engines.events import BuildEvent
from toolkit.errors import Conflict, EmuError, NotFound
from toolkit.live.authoring.environments import environment_maker
from toolkit.live.authoring.graph import graph_of
from toolkit.live.authoring.jobs import Origin, Shop, Told, debug_of
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.pipeline_record import record_pipeline
from toolkit.live.authoring.runs import CONDA, recorded
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.inputs import data_locator
from toolkit.live.live_run import LiveRun
from toolkit.live.pipeline.context import StepDebug
from toolkit.live.pipeline.outcome import Event
from toolkit.live.pipeline.run import PipelineRequest, Surroundings, run_pipeline
from toolkit.live.run_logs import LogFile
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.failures import invalid
from toolkit.plans.pipeline.choice import Selection
from toolkit.plans.pipeline.graph import Graph, Pipeline, Step
from toolkit.workspace.model import Run
from toolkit.workspace.names import fresh_run_name

KIND: Final = "published-pipeline"
LOG: Final = "logs/azureml/executionlogs.txt"
_STATUSES: Final = ("Active", "Disabled")


def check(authoring: Authoring, call: Call) -> Answer:
    """What is wrong with it; environments are not looked at, which takes long."""
    told = _told(call)
    shop = Shop(
        workspace=authoring.workspace,
        locator=data_locator(authoring.workspace, authoring.settings, say=_unsaid),
        environment_of=lambda _: "unread",
    )
    try:
        graph_of(told, {}, shop)
    except EmuError as error:
        return {"problems": ["; ".join(filter(None, (error.message, error.hint)))]}
    return {"problems": []}


def submit(authoring: Authoring, call: Call) -> Answer:
    """Begin; the operation's result names the run, once it is there."""
    told = _told(call)
    return _submitted(authoring, told, call.values)


def publish(_authoring: Authoring, call: Call) -> Answer:
    """Keep it, with the places where its values go."""
    id_ = str(uuid.uuid4())
    kept = {
        "id": id_,
        "name": call.text("name"),
        "description": call.optional("description") or "",
        "version": call.optional("version") or "",
        "status": _STATUSES[0],
        "pipeline": _told(call),
        "continue_on_step_failure": bool(call.values.get("continue_on_step_failure")),
    }
    call.workspace.documents.put(KIND, id_, kept)
    return kept


def published(_authoring: Authoring, call: Call) -> Answer:
    return _published(call)


def all_published(_authoring: Authoring, call: Call) -> Answer:
    return {"pipelines": call.workspace.documents.list(KIND)}


def change(_authoring: Authoring, call: Call) -> Answer:
    status = call.text("status")
    if status not in _STATUSES:
        raise invalid(f"unknown status of a pipeline: {status}")
    return call.workspace.documents.merge(KIND, _published(call)["id"], {"status": status})


def submit_published(authoring: Authoring, call: Call) -> Answer:
    found = _published(call)
    if found["status"] != _STATUSES[0]:
        raise invalid(f"the pipeline is disabled: {found['name']}")
    goes_on = {"continue_on_step_failure": found["continue_on_step_failure"]}
    return _submitted(authoring, found["pipeline"], {**call.values, **goes_on})


def _submitted(authoring: Authoring, told: Told, asked: Mapping[str, Any]) -> Answer:
    experiment = str(asked.get("experiment") or "default")

    def work(say: Say) -> Mapping[str, Any]:
        shop = Shop(
            workspace=authoring.workspace,
            locator=data_locator(authoring.workspace, authoring.settings, say=say),
            environment_of=environment_maker(
                authoring.settings, authoring.engine, kind="training", say=say
            ),
        )
        graph = graph_of(told, asked.get("values") or {}, shop)
        for name in graph.steps:
            say(f"Created step {name}")
        name = fresh_run_name("v1", experiment)
        request = _request(authoring, told, asked, graph, name)
        where = str(request.pipeline.path)
        record_pipeline(authoring.workspace, where, told, asked.get("values") or {})
        started = _Started(authoring, request)
        submission = authoring.submitted.start(name, started.carry_out, started.cancel)
        return {"run": recorded(authoring.workspace, submission).name}

    return {"operation": authoring.operations.start(f"pipeline in {experiment}", work).id}


def _request(
    authoring: Authoring, told: Told, asked: Mapping[str, Any], graph: Graph, name: str
) -> PipelineRequest:
    file = Origin.of(told).file
    jobs = {step: each.command for step, each in graph.steps.items()}
    debugs = {step: debug for step, job in jobs.items() if job and (debug := debug_of(job))}
    return PipelineRequest(
        pipeline=Pipeline(
            graph=graph,
            # no other run's: what allow_reuse forbids is not taken from one that failed, either
            path=file.with_name(f"{file.name}@{name}"),
            display_name=file.stem,
            description=str(told.get("description") or ""),
            tags={str(key): str(value) for key, value in (asked.get("tags") or {}).items()},
            continue_on_failure=bool(asked.get("continue_on_step_failure")),
            inputs={key: str(value) for key, value in (asked.get("values") or {}).items()},
        ),
        selection=Selection(graph=graph),
        experiment=str(asked.get("experiment") or "default"),
        name=name,
        reuse=not asked.get("regenerate_outputs"),
        conda=CONDA,
        debug=StepDebug(debugs=debugs, announce=partial(_announce, authoring)),
    )


def _announce(authoring: Authoring, step: Step, live: LiveRun) -> None:
    if step.command is not None:
        authoring.announce(live, step.command)


class _Started:
    """A pipeline from its start to its end; what it says of itself is kept in its log."""

    def __init__(self, authoring: Authoring, request: PipelineRequest) -> None:
        self._authoring = authoring
        self._request = request
        self._log: LogFile | None = None

    def carry_out(self) -> None:
        authoring = self._authoring
        run_pipeline(
            self._request,
            Surroundings(
                workspace=authoring.workspace,
                engine=authoring.engine,
                settings=authoring.settings,
                tracking=lambda: authoring.tracking,
                say=self._say,
                on_event=_unsaid,
                on_step=self._step,
                began=self._began,
            ),
        )

    def cancel(self) -> None:
        """The walk looks for this, and ends its steps."""
        with suppress(Conflict, NotFound):  # it has ended, or not begun
            self._authoring.workspace.runs.advance(self._request.name or "", "CancelRequested")

    def _began(self, run: Run) -> None:
        path = self._authoring.workspace.folder_of(run.name) / LOG
        path.parent.mkdir(parents=True, exist_ok=True)
        self._log = LogFile(path)

    def _say(self, text: str) -> None:
        if self._log is not None:
            self._log.stamp(text)

    def _step(self, event: Event) -> None:
        text = getattr(event, "text", "") or f"{getattr(event, 'state', '')}"
        self._say(f"{event.step}: {text}")


def _published(call: Call) -> dict[str, Any]:
    id_ = call.text("id")
    found = call.workspace.documents.find(KIND, id_)
    if found is None:
        raise NotFound(f"no published pipeline has this id: {id_}")
    return found


def _told(call: Call) -> dict[str, Any]:
    found = call.object("pipeline")
    if not isinstance(found.get("steps"), list):
        raise invalid("'pipeline' must have steps")
    return found


def _unsaid(_news: str | BuildEvent) -> None:
    """Nobody asks."""


ROUTES: Routes = {
    ("POST", "pipelines"): submit,
    ("POST", "pipelines/checked"): check,
    ("POST", "pipelines/published"): publish,
    ("GET", "pipelines/published"): all_published,
    ("GET", "pipelines/published/{id}"): published,
    ("PATCH", "pipelines/published/{id}"): change,
    ("POST", "pipelines/published/{id}/runs"): submit_published,
}
