"""`Model.deploy` for a v1 script: a service that stays until it is deleted, by whomever."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from toolkit.errors import NotFound
from toolkit.live.authoring.local_service import LocalService, Wanted
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.scoring import inference_of, models_of
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.service import make_room
from toolkit.live.tracking.call import Answer, Call, whole
from toolkit.live.tracking.failures import invalid


def deploy(authoring: Authoring, call: Call) -> Answer:
    """Begin; refused at once if the name or the port is taken.

    With `overwrite` what has the name goes on until there is something to put in its place.
    """
    wanted = Wanted(
        name=call.text("name"),
        inference=inference_of(call),
        models=tuple(model.reference for model in models_of(call.workspace, call.texts("models"))),
        port=_port(call),
    )
    wanted.check_name()
    service = LocalService(authoring, wanted.name)
    if not call.values.get("overwrite"):
        make_room(authoring.engine, wanted.name, [wanted.port] if wanted.port else [])
    return _begin(authoring, f"deployment of {wanted.name}", partial(service.deploy, wanted))


def update(authoring: Authoring, call: Call) -> Answer:
    """What is given anew; the rest is as it was."""
    service = _known(authoring, call)
    was = service.wanted()
    models = was.models
    if "models" in call.values:
        found = models_of(call.workspace, call.texts("models"))
        models = tuple(model.reference for model in found)
    inference = inference_of(call) if "inference" in call.values else was.inference
    wanted = Wanted(name=was.name, inference=inference, models=models, port=_port(call) or was.port)
    return _begin(authoring, f"update of {was.name}", partial(service.deploy, wanted))


def reload(authoring: Authoring, call: Call) -> Answer:
    service = _known(authoring, call)
    return _begin(authoring, f"reload of {service.name}", service.reload)


def get(authoring: Authoring, call: Call) -> Answer:
    return _known(authoring, call).described()


def services(authoring: Authoring, _call: Call) -> Answer:
    """Those that have a container; one that was stopped by hand is gone."""
    found = [service.described() for service in LocalService.all(authoring)]
    return {"services": [each for each in found if each["state"] != "deleted"]}


def logs(authoring: Authoring, call: Call) -> Answer:
    return {"logs": _known(authoring, call).last_lines(call.number("lines", 5000))}


def delete(authoring: Authoring, call: Call) -> Answer:
    _known(authoring, call).forget()
    return {}


def _begin(authoring: Authoring, title: str, work: Any) -> Mapping[str, Any]:
    def answered(say: Say) -> Mapping[str, Any]:
        return dict(work(say))

    return {"operation": authoring.operations.start(title, answered).id}


def _known(authoring: Authoring, call: Call) -> LocalService:
    service = LocalService(authoring, call.text("name"))
    if not service.is_known:
        there = ", ".join(f"`{each.name}`" for each in LocalService.all(authoring))
        raise NotFound(
            f"no service named `{service.name}` was deployed here", hint=f"there is: {there}"
        )
    return service


def _port(call: Call) -> int | None:
    port = call.values.get("port")
    if port is None:
        return None
    number = whole(port, "port")
    if not 0 < number < 1 << 16:
        raise invalid(f"not a port: {number}")
    return number


ROUTES: Routes = {
    ("POST", "webservices"): deploy,
    ("GET", "webservices"): services,
    ("GET", "webservices/{name}"): get,
    ("DELETE", "webservices/{name}"): delete,
    ("GET", "webservices/{name}/logs"): logs,
    ("POST", "webservices/{name}/reload"): reload,
    ("POST", "webservices/{name}/update"): update,
}
