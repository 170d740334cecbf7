"""Registered models: found, downloaded, registered, packaged, deployed.

`get_model_path` also works in a scoring container.
"""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
import uuid
from typing import Any, Dict, List, Mapping, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.chosen import has
from .._aml_emu.inference import InferenceConfig
from .._aml_emu.link import link_of_environment, link_or_raise
from .._aml_emu.missing import missing_member
from .._aml_emu.packages import ModelPackage, package
from .._aml_emu.registered import Registered
from .._aml_emu.runfiles import files_under
from ..exceptions import (
    ModelNotFoundException,
    ModelPathNotFoundException,
    ServiceException,
    UserErrorException,
)

__all__ = ["InferenceConfig", "Model", "ModelPackage"]

_ROOT = "azureml-models"
_NOT_FOUND = 404


class Model(Registered):
    """One version of a registered model: the newest, unless another is asked for."""

    class Framework:
        """Names for `model_framework`."""

        CUSTOM = "Custom"
        MULTI = "Multi"
        ONNX = "Onnx"
        SCIKITLEARN = "ScikitLearn"
        TENSORFLOW = "TensorFlow"
        TFKERAS = "TfKeras"

    def __init__(
        self,
        workspace: Any,
        name: Optional[str] = None,
        id: Optional[str] = None,
        tags: Any = None,
        properties: Any = None,
        version: Any = None,
        run_id: Optional[str] = None,
        *,
        _found: Optional[Mapping[str, Any]] = None,
        **_kwargs: Any,
    ) -> None:
        self.workspace = workspace
        if _found is not None:
            self._found = _found
        elif tags or properties or run_id:
            self._found = _newest(workspace, name, id, version, tags, properties, run_id)
        else:
            self._found = _fetch(workspace._link, _reference(name, id, version))

    @property
    def properties(self) -> Dict[str, str]:
        return dict(self._found["properties"])

    @property
    def run_id(self) -> Optional[str]:
        return self._found["run_id"]  # type: ignore[no-any-return]  # it is JSON

    @property
    def url(self) -> str:
        return f"aml://asset/{self.id}"

    def download(self, target_dir: str = ".", exist_ok: bool = False) -> str:
        """The files of the model, under a folder; the path of the one file or of the folder."""
        root = os.path.join(target_dir, self._found.get("root") or "")
        for file in self._found["files"]:
            target = os.path.join(root, *file["path"].split("/"))
            if os.path.exists(target) and not exist_ok:
                raise UserErrorException(
                    f"{target} exists already: pass exist_ok=True to replace it"
                )
            place = "models/{}/{}/{}".format(self.name, self.version, file["path"])
            self.workspace._link.download(place, target)
        files = self._found["files"]
        return os.path.join(root, files[0]["path"]) if self._found["is_file"] else root

    @staticmethod
    def register(
        workspace: Any,
        model_path: str,
        model_name: str,
        tags: Optional[Mapping[str, Any]] = None,
        properties: Optional[Mapping[str, Any]] = None,
        description: Optional[str] = None,
        *args: Any,
        model_framework: Optional[str] = None,
        model_framework_version: Optional[str] = None,
        **_kwargs: Any,
    ) -> Model:
        """Send a file or folder of this machine and register it."""
        if not os.path.exists(model_path):
            raise ModelPathNotFoundException("the model's path is not there: " + model_path)
        link = workspace._link
        staged = uuid.uuid4().hex
        name = os.path.basename(os.path.abspath(model_path))
        inside = [""] if os.path.isfile(model_path) else files_under(model_path)
        for path in inside:
            with open(os.path.join(model_path, path) if path else model_path, "rb") as file:
                link.upload("/".join(filter(None, ("staged", staged, name, path))), file)
        body = _said(
            model_name, tags, properties, description, model_framework, model_framework_version
        )
        found = link.call("POST", "models", dict(body, staged=staged))
        return Model(workspace, _found=found)

    @staticmethod
    def list(
        workspace: Any,
        name: Optional[str] = None,
        tags: Any = None,
        properties: Any = None,
        run_id: Optional[str] = None,
        latest: bool = False,
        **_kwargs: Any,
    ) -> List[Model]:
        """Registered versions with these tags and properties, the newest first.

        Both are keys, or lists of a key and its value.
        """
        query = {"name": name} if name else None
        found = workspace._link.call("GET", "assets/model", query=query)["assets"]
        fitting = (
            each
            for each in found
            if has(each["tags"], tags) and has(each["properties"], properties)
        )
        models = [Model(workspace, _found=each) for each in fitting]
        if latest:
            models = list({model.name: model for model in reversed(models)}.values())
        return [model for model in models if run_id in {None, model.run_id}]

    @staticmethod
    def get_model_path(model_name: str, version: Any = None, _workspace: Any = None) -> str:
        """Where the model is: in a scoring container on its disk, in a job downloaded."""
        for root in _roots():
            found = _on_disk(root, model_name, version)
            if found is not None:
                return found
        if os.path.exists(model_name):
            return model_name
        if _workspace is None and link_of_environment() is None:
            raise ModelNotFoundException(
                f"Model {model_name} not found in cache at {_ROOT} or in current working directory "
                f"{os.getcwd()}"
            )
        return _downloaded(_workspace, model_name, version)

    @staticmethod
    def package(
        workspace: Any,
        models: Any,
        inference_config: Any = None,
        generate_dockerfile: bool = False,
        image_name: Optional[str] = None,
        image_label: Optional[str] = None,
    ) -> ModelPackage:
        """Begin to make an image, or a Dockerfile, of models and a scoring script."""
        return package(
            workspace,
            models,
            inference_config,
            generate_dockerfile=generate_dockerfile,
            image_name=image_name,
            image_label=image_label,
        )

    @staticmethod
    def deploy(
        workspace: Any,
        name: str,
        models: Any,
        inference_config: Any = None,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
        **_kwargs: Any,
    ) -> Any:
        """Begin to deploy a service on this machine; `wait_for_deployment` sees it to its end."""
        if deployment_config is None:
            from .webservice.local import LocalWebservice  # the only kind of service there is

            deployment_config = LocalWebservice.deploy_configuration()
        service = deployment_config._deploy(
            workspace, name, models, inference_config, overwrite=overwrite
        )
        if show_output:
            service.wait_for_deployment(show_output=True)
        return service

    def delete(self) -> None:
        """Remove this version from the workspace, with the files that it has there."""
        ask(self._link, "DELETE", f"models/{self.id}")

    def update(
        self,
        tags: Optional[Mapping[str, Any]] = None,
        description: Optional[str] = None,
        **_kwargs: Any,
    ) -> None:
        """Replace all tags, or the description."""
        said: Dict[str, Any] = {}
        if tags is not None:
            said["tags"] = {str(key): str(value) for key, value in tags.items()}
        if description is not None:
            said["description"] = description
        self._found = ask(self._link, "PATCH", f"models/{self.id}", said)

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        self.update(tags=dict(self.tags, **tags))

    def remove_tags(self, tags: Any) -> None:
        self.update(tags={key: value for key, value in self.tags.items() if key not in tags})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Properties that are there already stay as they are."""
        said = {str(key): str(value) for key, value in properties.items()}
        self._found = ask(self._link, "PATCH", f"models/{self.id}", {"properties": said})

    @property
    def _link(self) -> Any:
        return self.workspace._link

    @classmethod
    def _of_run(
        cls,
        run: Any,
        name: str,
        path: str,
        *,
        tags: Any,
        properties: Any,
        description: Optional[str],
        framework: Optional[str],
        framework_version: Optional[str],
    ) -> Model:
        body = _said(name, tags, properties, description, framework, framework_version)
        try:
            found = run._link.call("POST", "models", dict(body, run_id=run.id, path=path))
        except ServiceException as error:
            if error.status_code != _NOT_FOUND:
                raise
            raise ModelPathNotFoundException(
                f"Could not locate the provided model_path {path} in the set of files uploaded to "
                f"the run: {run.get_file_names()}; upload it first with `run.upload_file`"
            ) from error
        return cls(run.experiment.workspace, _found=found)

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return (
            f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, "
            f"version={self.version}, tags={self.tags}, properties={self.properties})"
        )


def _said(
    name: str,
    tags: Any,
    properties: Any,
    description: Optional[str],
    framework: Optional[str],
    framework_version: Optional[str],
) -> Dict[str, Any]:
    framework_said = {"model_framework": framework, "model_framework_version": framework_version}
    known = {key: str(value) for key, value in framework_said.items() if value is not None}
    return {
        "name": name,
        "tags": {str(key): str(value) for key, value in (tags or {}).items()},
        "properties": dict({str(k): str(v) for k, v in (properties or {}).items()}, **known),
        "description": description or "",
    }


def _reference(name: Optional[str], id_: Optional[str], version: Any) -> str:
    if id_ is not None:
        return id_
    if name is None:
        raise UserErrorException("a model is asked for by `name` or by `id`")
    return name if version is None else f"{name}:{version}"


def _newest(
    workspace: Any,
    name: Optional[str],
    id_: Optional[str],
    version: Any,
    tags: Any,
    properties: Any,
    run_id: Optional[str],
) -> Mapping[str, Any]:
    """The newest that has all of it."""
    for model in Model.list(workspace, name, tags, properties, run_id):
        if id_ in {None, model.id} and str(version) in {"None", str(model.version)}:
            return model._found
    raise ModelNotFoundException(
        f"ModelNotFound: none has all of name={name}, id={id_}, version={version}, tags={tags}, "
        f"properties={properties}, run_id={run_id}"
    )


def _fetch(link: Any, reference: str) -> Mapping[str, Any]:
    try:
        return link.call("GET", "assets/model/" + reference)  # type: ignore[no-any-return]  # it is JSON
    except ServiceException as error:
        if error.status_code != _NOT_FOUND:
            raise
        raise ModelNotFoundException("ModelNotFound: " + error.message) from error


def _roots() -> List[str]:
    """Where a scoring container keeps its models: `…/azureml-models`, or one version of one."""
    directory = os.environ.get("AZUREML_MODEL_DIR", "")
    head, mark, _ = directory.replace(os.sep, "/").partition(_ROOT)
    return [head + mark, _ROOT] if mark else [_ROOT]


def _on_disk(root: str, name: str, version: Any) -> Optional[str]:
    folder = os.path.join(root, name)
    versions = os.listdir(folder) if os.path.isdir(folder) else []
    if version is not None:
        versions = [each for each in versions if each == str(version)]
    if not versions:
        return None
    newest = max(versions, key=lambda each: (each.isdigit(), int(each) if each.isdigit() else 0))
    inside = os.listdir(os.path.join(folder, newest))
    found = os.path.join(folder, newest)
    return os.path.join(found, inside[0]) if len(inside) == 1 else found


def _downloaded(workspace: Any, name: str, version: Any) -> str:
    """In the working directory, where the SDK puts it too."""
    link = link_or_raise() if workspace is None else workspace._link

    class OfLink:
        _link = link

    model = Model(OfLink, name, version=version)
    folder = os.path.join(_ROOT, model.name, str(model.version))
    model.download(folder, exist_ok=True)
    found = _on_disk(_ROOT, model.name, model.version)
    assert found is not None  # noqa: S101  # it was written a moment ago
    return found
