"""Computes: names that jobs can be sent to; they all run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from toolkit.errors import SpecError
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.tracking.call import Answer, Call
from toolkit.specs.yamlfile import nearest
from toolkit.workspace.workspace import Workspace

KIND: Final = "compute"
LOCAL: Final = "local"
_BUILT_IN: Final = frozenset({LOCAL, "amlcompute", ""})


def listed(_authoring: Authoring, call: Call) -> Answer:
    return {"computes": call.workspace.documents.list(KIND)}


def create(_authoring: Authoring, call: Call) -> Answer:
    name = call.text("name")
    known = {
        "name": name,
        "kind": call.optional("kind") or "AmlCompute",
        "vm_size": call.optional("vm_size") or "",
        "min_nodes": call.number("min_nodes", 0),
        "max_nodes": call.number("max_nodes", 1),
    }
    call.workspace.documents.put(KIND, name, known)
    return known


def delete(_authoring: Authoring, call: Call) -> Answer:
    call.workspace.documents.delete(KIND, call.text("name"))
    return {}


def add_computes(workspace: Workspace, names: Sequence[str]) -> None:
    """Those that the command line names, if they are not there."""
    for name in names:
        if workspace.documents.find(KIND, name) is None:
            known = {"name": name, "kind": "AmlCompute", "vm_size": ""}
            workspace.documents.put(KIND, name, {**known, "min_nodes": 0, "max_nodes": 1})


def check_compute(workspace: Workspace, name: str | None, error: Callable[..., SpecError]) -> None:
    """Raise `error` for a name that no compute has."""
    if (name or "").lower() in _BUILT_IN or workspace.documents.find(KIND, str(name)):
        return
    known = [LOCAL, *(each["name"] for each in workspace.documents.list(KIND))]
    raise error(
        f"unknown compute target: {name}",
        hint=f"create it with `ComputeTarget.create`, or pass `--compute {name}` to "
        f"`aml-emu python`; {nearest(str(name), known)}",
    )


ROUTES: Routes = {
    ("GET", "computes"): listed,
    ("POST", "computes"): create,
    ("DELETE", "computes/{name}"): delete,
}
