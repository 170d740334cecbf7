"""`Model.package` for a v1 script: an image of this machine's engine, or a folder to build from."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from toolkit.live.authoring.definitions import FOLDER, describe
from toolkit.live.authoring.narration import BuildLines
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.scoring import Inference, inference_of, models_of, placed
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.package import PackageRequest, build_package, write_package
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.failures import invalid
from toolkit.plans.deployment import PlacedModel

_SAVED: Final = "packages"
_LATEST: Final = "latest"


@dataclass(frozen=True, kw_only=True)
class _Order:
    inference: Inference
    models: tuple[PlacedModel, ...]
    name: str
    image: str | None  # what the script wants it to be called


def create(authoring: Authoring, call: Call) -> Answer:
    """Begin; the result's `location` is the image's name, or the folder."""
    inference = inference_of(call)
    models = models_of(call.workspace, call.texts("models"))
    order = _Order(
        inference=inference,
        models=tuple(placed(model) for model in models),
        name=call.optional("image_name") or (models[0].name if models else inference.script.stem),
        image=_image(call),
    )
    make = _write if call.values.get("generate_dockerfile") else _build
    work = partial(make, authoring, order)
    return {"operation": authoring.operations.start(f"package of {order.name}", work).id}


def _image(call: Call) -> str | None:
    name = call.optional("image_name")
    if name is None:
        return None
    if name != name.lower() or any(character.isspace() for character in name):
        raise invalid(f"an image's name has no capitals and no blanks: {name}")
    return f"{name}:{call.optional('image_label') or _LATEST}"


def _build(authoring: Authoring, order: _Order, say: Say) -> Mapping[str, Any]:
    image = build_package(
        _request(authoring, order, say),
        authoring.settings,
        authoring.engine,
        say=say,
        on_event=BuildLines(say),
    )
    say("built" if image.built else "unchanged: nothing to build")
    location = order.image or image.tag
    say(f"image {location}")
    return {"location": location, "id": image.id}


def _write(authoring: Authoring, order: _Order, say: Say) -> Mapping[str, Any]:
    folder = authoring.settings.state_folder / FOLDER / _SAVED / uuid.uuid4().hex
    dockerfile: Path = write_package(
        _request(authoring, order, say),
        authoring.settings,
        authoring.engine,
        folder,
        say=say,
        on_event=BuildLines(say),
    )
    return {"location": str(dockerfile.parent)}


def _request(authoring: Authoring, order: _Order, say: Say) -> PackageRequest:
    described = describe(
        order.inference.environment,
        settings=authoring.settings,
        engine=authoring.engine,
        kind="inference",
        say=say,
        tags=(order.image,) if order.image else (),
    )
    return PackageRequest(
        environment=described.image,
        with_sdk=described.with_sdk,
        variables=described.variables,
        script=order.inference.script,
        style="package",
        placed=order.models,
        name=order.name,
        source=order.inference.source,
    )


ROUTES: Routes = {("POST", "packages"): create}
