"""What a deployment's file refers to, found on this machine: its model, its code, its image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from toolkit.engines.base import BuildOptions, Engine
from toolkit.engines.events import BuildEvent
from toolkit.errors import EmuError, NotFound
from toolkit.live.environments import registered_file
from toolkit.live.image import ImageRequest, build_image
from toolkit.live.nocode import is_mlflow, no_code
from toolkit.plans.deployment import PlacedModel, placed_inline
from toolkit.plans.dockerfile import plan_own_image
from toolkit.plans.emulation import LABEL_KIND, LABEL_NAME
from toolkit.plans.model import CondaMode, ImagePlan
from toolkit.settings import Settings
from toolkit.specs.deployment import (
    Code,
    Deployment,
    InlineModel,
    ModelReference,
    load_deployment,
)
from toolkit.specs.environment import (
    DockerfileEnvironment,
    Environment,
    ImageEnvironment,
    load_environment,
)
from toolkit.workspace.model import AssetVersion
from toolkit.workspace.workspace import Workspace

Say = Callable[[str], None]
OnEvent = Callable[[BuildEvent], None]
_MLFLOW: Final = "mlflow_model"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A deployment whose references are resolved. `environment` reads it anew each time."""

    deployment: Deployment
    code: Code | None
    model: PlacedModel | None
    environment: Callable[[], Environment]
    variables: Mapping[str, str] = field(default_factory=dict)

    def image_request(self, *, conda: CondaMode, no_cache: bool) -> ImageRequest:
        return ImageRequest(env=self.environment, kind="inference", conda=conda, no_cache=no_cache)


def read_deployment(path: Path, settings: Settings) -> Deployment:
    """The file, and the routes of an environment that is registered with routes of its own.

    Raises SpecError with `path:line` as `load_deployment` does.
    """
    return load_deployment(path, registered=partial(_registered, settings=settings))


def look_up(deployment: Deployment, *, settings: Settings, generated: Path) -> Found:
    """Raises NotFound or SpecError with the line of what is not there.

    `generated` is the folder for code that is made for models without any.
    """
    model, kind = _model(deployment, settings)
    if model and kind == _MLFLOW and deployment.code is None and deployment.routes is None:
        made = no_code(deployment.file, model.source, folder=generated)
        return Found(
            deployment=deployment,
            code=made.code,
            model=model,
            environment=_environment(deployment, settings)
            if deployment.has_environment
            else made.environment,
            variables=made.variables(model),
        )
    for key, there in (
        ("environment", deployment.has_environment),
        ("code_configuration", deployment.code or deployment.routes),
    ):
        if not there:
            raise deployment.file.error(
                ("model",),
                f"a deployment needs `{key}`",
                hint="only models of the type `mlflow_model` do without",
            )
    return Found(
        deployment=deployment,
        code=deployment.code,
        model=model,
        environment=_environment(deployment, settings),
    )


def image_of(
    found: Found,
    request: ImageRequest,
    settings: Settings,
    engine: Engine,
    *,
    say: Say,
    on_event: OnEvent,
) -> str:
    """The tag of the image, built if need be; a container of the user's own is left as it is."""
    own = _own_image(found, settings, say) if found.deployment.routes else None
    if own is None:
        image = build_image(request, settings, engine, say=say, on_event=on_event)
    else:
        image = engine.build(own, BuildOptions(no_cache=request.no_cache), on_event)
    say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
    return image.tag


def _own_image(found: Found, settings: Settings, say: Say) -> ImagePlan | None:
    """The user's image itself, under a name of ours; None if we have to install packages."""
    environment = found.environment()
    if isinstance(environment, DockerfileEnvironment):
        own = plan_own_image(
            environment.dockerfile, name=environment.name, stand_in=settings.stand_in
        )
        for note in own.notes:
            say(note)
        return own.plan
    if isinstance(environment, ImageEnvironment):
        base = settings.stand_in(environment.image)
        return ImagePlan(
            name=environment.name,
            base=base,
            dockerfile=f"FROM {base}\n",
            labels={LABEL_KIND: "image", LABEL_NAME: environment.name},
        )
    return None


def _model(deployment: Deployment, settings: Settings) -> tuple[PlacedModel | None, str]:
    match deployment.model:
        case None:
            return None, ""
        case InlineModel() as inline:
            return placed_inline(inline), inline.type
        case ModelReference(text=text):
            asset = _asset(deployment, settings, text)
            if asset.path is None or not asset.path.exists():
                raise deployment.file.error(
                    ("model",), f"the files of {text} are not here: {asset.path or asset.uri}"
                )
            placed = PlacedModel(source=asset.path, name=asset.name, version=asset.version)
            is_flavored = is_mlflow(asset.path) and asset.type in {"", _MLFLOW}
            return placed, _MLFLOW if is_flavored else asset.type


def _asset(deployment: Deployment, settings: Settings, text: str) -> AssetVersion:
    with Workspace.open(settings.state_folder) as workspace:
        try:
            return workspace.assets.get("model", text)
        except EmuError as error:
            raise deployment.file.error(("model",), error.message, hint=error.hint) from error


def _environment(deployment: Deployment, settings: Settings) -> Callable[[], Environment]:
    """How it is read: from the file itself, from the workspace, or from Azure's curated ones."""
    reference = deployment.environment_reference
    if reference is None:
        return deployment.environment

    def registered() -> Environment:
        path = _registered(reference, settings)
        return load_environment(path) if path else _curated(deployment, reference)

    return registered


def _registered(reference: str, settings: Settings) -> Path | None:
    with Workspace.open(settings.state_folder) as workspace:
        return registered_file(reference, workspace)


def _curated(deployment: Deployment, reference: str) -> Environment:
    try:
        return deployment.environment()
    except NotFound as error:
        raise deployment.file.error(
            ("environment",),
            f"no environment of that name is registered or curated: {reference}",
            hint=error.hint,
        ) from error
