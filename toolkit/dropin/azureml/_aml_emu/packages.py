"""`Model.package`: an image, or a Dockerfile and its folder, made by the emulator."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import json
import os
import shutil
from typing import Any, Dict, List, Optional, Sequence

from ..core.container_registry import ContainerRegistry
from ..exceptions import UserErrorException, WebserviceException
from .authoring import message_of
from .missing import missing_member
from .operation import Operation, shown, started


class ModelPackage:
    """A package under way, or made."""

    package_build_log_uri: Optional[str] = None

    def __init__(self, workspace: Any, operation: Operation, *, is_image: bool) -> None:
        self.workspace = workspace
        self.environment = None
        self._operation = operation
        self._is_image = is_image

    @property
    def state(self) -> str:
        """`Creating`, `Succeeded` or `Failed`."""
        self._operation.look()
        return "Creating" if self._operation.state == "Running" else self._operation.state

    @property
    def location(self) -> Optional[str]:
        """The image's name, or the folder with the Dockerfile; None until it is made."""
        self._operation.look()
        return self._operation.result.get("location")

    def wait_for_creation(self, show_output: bool = False) -> None:
        """Until it is made; raises WebserviceException if it cannot be."""
        self._operation.follow(shown if show_output else None)
        if show_output:
            print("Package creation", self._operation.state)
        self._operation.raise_failure(WebserviceException)

    def pull(self) -> None:
        """Nothing to fetch: the image was made on this machine. Says its name."""
        if not self._is_image:
            raise WebserviceException(
                "this package is a Dockerfile, there is no image to pull: use `save`"
            )
        self._made("pull")
        print("Status: Image is up to date for", self.location)

    def save(self, output_directory: str) -> None:
        """Copy the Dockerfile and all that it needs."""
        if self._is_image:
            raise WebserviceException(
                "this package is an image, there is no Dockerfile to save: "
                "ask for one with `generate_dockerfile=True`"
            )
        source = self._made("save")
        if os.path.isdir(output_directory) and os.listdir(output_directory):
            raise UserErrorException(f"the output directory is not empty: {output_directory}")
        shutil.copytree(source, output_directory, dirs_exist_ok=True)

    def get_logs(self) -> str:
        """What was said while it was made."""
        self._operation.look()
        error = self._operation.error
        return "\n".join([*self._operation.lines, *([message_of(error)] if error else [])])

    def get_container_registry(self) -> ContainerRegistry:
        """None: the image lies in this machine's own engine."""
        return ContainerRegistry()

    def serialize(self) -> Dict[str, Any]:
        return {"state": self.state, "location": self.location, "isImage": self._is_image}

    def _made(self, verb: str) -> str:
        self._operation.look()
        self._operation.raise_failure(WebserviceException)
        location = self.location
        if location is None:
            raise WebserviceException(
                f"the package is not made yet: call `wait_for_creation()` before `{verb}()`"
            )
        return location

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return f"ModelPackage({json.dumps(self.serialize())})"


def package(
    workspace: Any,
    models: Sequence[Any],
    inference_config: Any,
    *,
    generate_dockerfile: bool,
    image_name: Optional[str],
    image_label: Optional[str],
) -> ModelPackage:
    """Begin to make one."""
    if image_label is not None and image_name is None:
        raise UserErrorException("`image_label` needs an `image_name`")
    body = dict(
        asked(models, inference_config),
        generate_dockerfile=generate_dockerfile,
        image_name=image_name,
        image_label=image_label,
    )
    operation = started(workspace._link, "packages", body)
    return ModelPackage(workspace, operation, is_image=not generate_dockerfile)


def asked(models: Sequence[Any], inference_config: Any) -> Dict[str, Any]:
    """Models and configuration as the emulator is told them."""
    if inference_config is None:
        raise UserErrorException(
            "without an `inference_config` there is no scoring script: pass an InferenceConfig "
            "(the SDK's own scripts for a framework are not part of aml-emu)"
        )
    return {
        "models": model_references(models),
        "inference": inference_config._asked(),
    }


def model_references(models: Optional[Sequence[Any]]) -> List[str]:
    """Registered models are objects; their ids are taken too."""
    for model in models or ():
        if not isinstance(model, str) and not hasattr(model, "id"):
            raise UserErrorException(f"not a registered model: {model!r}")
    return [model if isinstance(model, str) else str(model.id) for model in models or ()]
