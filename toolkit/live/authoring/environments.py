"""Environments of a v1 script: looked up, registered, built."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from toolkit.engines.base import Engine
from toolkit.errors import NotFound
from toolkit.live.authoring.definitions import describe
from toolkit.live.authoring.narration import BuildLines
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.image import build_image
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.failures import invalid
from toolkit.plans.model import ImageKind
from toolkit.settings import Settings
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    DockerfileEnvironment,
    Environment,
    curated_names,
    load_curated,
)
from toolkit.workspace.model import AssetVersion, NewAsset

Definition = Mapping[str, Any]


def environment_maker(
    settings: Settings, engine: Engine, *, kind: ImageKind, say: Say
) -> Callable[[Definition], Environment]:
    """Definitions to environments; each is looked at once, and its notes are said once."""
    known: dict[str, Environment] = {}

    def make(definition: Definition) -> Environment:
        key = json.dumps(definition, sort_keys=True)
        if key not in known:
            described = describe(definition, settings=settings, engine=engine, kind=kind, say=say)
            known[key] = described.image.environment()
        return known[key]

    return make


def names(_authoring: Authoring, call: Call) -> Answer:
    """Registered ones, then the curated ones as a v1 workspace calls them."""
    own = [each.name for each in call.workspace.assets.list("environment")]
    return {"names": [*dict.fromkeys(own), *map(_curated_title, curated_names())]}


def get(_authoring: Authoring, call: Call) -> Answer:
    """By name and version or label: of this workspace, else a curated one."""
    name, version, label = call.text("name"), call.optional("version"), call.optional("label")
    reference = name + (f":{version}" if version else f"@{label}" if label else "")
    try:
        return _registered(call.workspace.assets.get("environment", reference))
    except NotFound as error:
        own = {each.name for each in call.workspace.assets.list("environment")}
        if name in own:
            raise
        try:
            return _curated(load_curated(name))
        except NotFound as unknown:
            raise NotFound(f"no environment `{name}`", hint=unknown.hint) from error


def register(_authoring: Authoring, call: Call) -> Answer:
    """The next version; the newest one if that is the same."""
    definition = call.object("definition")
    name = call.text("name")
    kept = {key: value for key, value in definition.items() if key != "version"}
    try:
        newest = call.workspace.assets.get("environment", name)
    except NotFound:
        newest = None
    if newest is not None and dict(newest.definition) == kept:
        return _registered(newest)
    asset = NewAsset(kind="environment", name=name, definition=kept)
    return _registered(call.workspace.assets.register(asset))


def build(authoring: Authoring, call: Call) -> Answer:
    """Begin; the operation's result has the `image`."""
    definition = call.object("environment")

    def work(say: Say) -> Mapping[str, Any]:
        described = describe(
            definition,
            settings=authoring.settings,
            engine=authoring.engine,
            kind="training",
            say=say,
        )
        image = build_image(
            described.image, authoring.settings, authoring.engine, say=say, on_event=BuildLines(say)
        )
        say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
        return {"image": image.tag, "id": image.id}

    title = f"image of {definition.get('curated') or definition['definition']['name']}"
    return {"operation": authoring.operations.start(title, work).id}


def _registered(version: AssetVersion) -> dict[str, Any]:
    """A v2 environment is only known by its name."""
    definition = dict(version.definition)
    is_v1 = "python" in definition or "docker" in definition
    if not is_v1:
        raise invalid(f"`{version.reference}` was made with v2: name it in a v2 job file")
    return {"name": version.name, "version": version.version, "definition": definition}


def _curated(found: CuratedEnvironment) -> dict[str, Any]:
    """Its recipe as a definition, to be read and cloned."""
    recipe, title = found.recipe, _curated_title(found.title)
    docker: dict[str, Any] = {}
    python: dict[str, Any] = {"userManagedDependencies": True}
    match recipe:
        case CondaEnvironment():
            docker["baseImage"] = recipe.base if isinstance(recipe.base, str) else None
            dependencies: list[Any] = [each.text for each in recipe.conda]
            dependencies.append({"pip": [each.text for each in recipe.pip]})
            conda = {"name": recipe.name, "dependencies": dependencies}
            python = {"condaDependencies": {**conda, "channels": list(recipe.channels)}}
        case DockerfileEnvironment():
            docker["baseDockerfile"] = recipe.dockerfile.text
        case _:
            docker["baseImage"] = recipe.image
    definition = {
        "name": title,
        "python": python,
        "docker": docker,
        "environmentVariables": dict(recipe.variables),
    }
    return {"name": title, "version": "1", "curated": True, "definition": definition}


def _curated_title(name: str) -> str:
    return name if name.lower().startswith("azureml-") else f"AzureML-{name}"


ROUTES: Routes = {
    ("GET", "environments"): names,
    ("GET", "environments/{name}"): get,
    ("POST", "environments/{name}"): register,
    ("POST", "images"): build,
}
