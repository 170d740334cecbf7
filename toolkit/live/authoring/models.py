"""What a v1 script changes of registered models; registering and reading are tracking's calls."""

from __future__ import annotations

from toolkit.errors import Conflict
from toolkit.live.authoring.local_service import LocalService
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.v1 import asset_json
from toolkit.workspace.model import AssetChanges, AssetVersion


def delete(authoring: Authoring, call: Call) -> Answer:
    """Refused while a service has it, as in Azure: its files are mounted there."""
    found = _model(call)
    for service in LocalService.all(authoring):
        if found.reference in service.wanted().models:
            raise Conflict(
                f"the service `{service.name}` has the model {found.reference}",
                hint="delete the service first",
            )
    call.workspace.assets.delete("model", found.name, found.version)
    return {}


def describe(_authoring: Authoring, call: Call) -> Answer:
    """Tags and description are replaced; properties only grow, as the SDK has it."""
    found = _model(call)
    changes: AssetChanges = {}
    if "tags" in call.values:
        changes["tags"] = call.mapping("tags")
    if (description := call.optional("description")) is not None:
        changes["description"] = description
    if "properties" in call.values:
        changes["properties"] = {**call.mapping("properties"), **found.properties}
    return asset_json(call.workspace.assets.update("model", found.name, found.version, **changes))


def _model(call: Call) -> AssetVersion:
    return call.workspace.assets.get("model", call.text("reference"))


ROUTES: Routes = {
    ("DELETE", "models/{reference}"): delete,
    ("PATCH", "models/{reference}"): describe,
}
