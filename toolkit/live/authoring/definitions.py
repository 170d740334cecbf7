"""From an Environment as a script says it to what can be built: a file of the project's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from toolkit.engines.available import has_wheel
from toolkit.engines.base import Engine
from toolkit.engines.trust import host_trust
from toolkit.errors import SpecError
from toolkit.live.authoring.era import as_of_today
from toolkit.live.image import ImageRequest
from toolkit.plans import dropin
from toolkit.plans.model import ImageKind
from toolkit.settings import Settings
from toolkit.specs.environment import slug

Say = Callable[[str], None]

FOLDER: Final = "authoring"
FILE: Final = "azureml_environment.json"


@dataclass(frozen=True, kw_only=True)
class Described:
    """What to build. `variables` let its Python find our `azureml`, where the SDK was left out."""

    image: ImageRequest
    with_sdk: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


def describe(
    environment: Mapping[str, Any],
    *,
    settings: Settings,
    engine: Engine,
    kind: ImageKind,
    say: Say,
    tags: tuple[str, ...] = (),
) -> Described:
    """What to build for it: `curated` is a name, `definition` what azureml_environment.json holds.

    Conda packages are taken from PyPI: a v1 environment nearly always has some.
    """
    if name := environment.get("curated"):
        return Described(image=ImageRequest(env=str(name), kind=kind, tags=tags))
    definition = environment.get("definition")
    if not isinstance(definition, Mapping):
        raise SpecError("not an environment: neither `curated` nor `definition`")
    platform = engine.check().platform
    folder = settings.state_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)

    def is_there(requirement: str, python: str) -> bool:
        return has_wheel(
            requirement,
            python=python,
            platform=platform,
            trust=host_trust(settings.environ),
            environ=settings.environ,
            folder=folder,
        )

    today = as_of_today(
        definition,
        kind=kind,
        base=settings.base,
        stand_in=settings.stand_in,
        has_wheel=is_there,
    )
    for note in today.notes:
        say(note)
    path = written(today.definition, folder)
    return Described(
        image=ImageRequest(env=str(path), kind=kind, conda="pip-only", tags=tags),
        with_sdk=today.lost_sdk,
        variables=_path_variable(today.definition) if today.lost_sdk else {},
    )


def image_request(
    environment: Mapping[str, Any],
    *,
    settings: Settings,
    engine: Engine,
    kind: ImageKind,
    say: Say,
) -> ImageRequest:
    """For a job, which finds our `azureml` without further ado."""
    return describe(environment, settings=settings, engine=engine, kind=kind, say=say).image


def _path_variable(definition: Mapping[str, Any]) -> dict[str, str]:
    """Our folder in front: the SDK is not installed there, and the user's own path goes on."""
    own = (definition.get("environmentVariables") or {}).get("PYTHONPATH")
    return {"PYTHONPATH": ":".join(filter(None, (str(dropin.FOLDER), own)))}


def written(definition: Mapping[str, Any], folder: Path) -> Path:
    """The definition as a file; one of the same content is the same file."""
    name = definition.get("name")
    if not isinstance(name, str) or not name:
        raise SpecError("an environment needs a name", hint="pass `name=` when you make it")
    text = json.dumps(definition, indent=2, sort_keys=True) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    target = folder / f"{slug(name)}-{digest}" / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    return target
