"""A v2 online deployment's YAML into a Deployment; every error names the line. Reads files only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from toolkit.errors import EmuError, SpecError
from toolkit.specs.deployment import amounts, keys
from toolkit.specs.deployment.model import (
    Code,
    Collection,
    DataCollector,
    Deployment,
    DeploymentKind,
    InlineModel,
    ModelReference,
    ProbeSettings,
    RequestSettings,
    Resources,
    Route,
    Routes,
)
from toolkit.specs.environment import asset
from toolkit.specs.script import check_scoring_script
from toolkit.specs.yamlfile import YamlFile, load_yaml, nearest_file, parse

Keys = TypeVar("Keys", bound=keys.Section)
Amount = TypeVar("Amount", int, float)

NAME: Final = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_SHORTEST, _LONGEST = 3, 32
_LONGEST_TIMEOUT_MS: Final = 180_000  # "Manage and increase quotas": managed online endpoints
REGISTRY: Final = "azureml://registries/"


def _unregistered(_reference: str) -> Path | None:
    return None


def load_deployment(
    path: Path, *, registered: Callable[[str], Path | None] = _unregistered
) -> Deployment:
    """Raises SpecError with `path:line` for what the cloud would refuse, or cannot be read.

    `registered` says where the YAML of an environment named `azureml:…` lies, if it knows.
    """
    file = load_yaml(path, what="deployment")
    spec = parse(keys.DeploymentKeys, file, what="a deployment")
    kind = _kind(file, spec)
    check_name(file, ("name",), spec.name)
    if spec.endpoint_name is not None:
        check_name(file, ("endpoint_name",), spec.endpoint_name)
    if kind == "managed" and spec.instance_type is None:
        raise file.error(
            ("name",),
            "a managed deployment needs `instance_type`",
            hint="write for example `instance_type: Standard_DS3_v2`",
        )
    deployment = Deployment(
        file=file,
        kind=kind,
        name=spec.name,
        endpoint=spec.endpoint_name,
        model=_model(file, spec),
        model_mount_path=PurePosixPath(spec.model_mount_path) if spec.model_mount_path else None,
        code=_code(file),
        variables={name: _text(value) for name, value in spec.environment_variables.items()},
        instance_type=spec.instance_type,
        instances=_instances(file, spec),
        requests=_requests(file, kind),
        liveness=_probe(file, "liveness_probe"),
        readiness=_probe(file, "readiness_probe"),
        routes=_routes(file, registered),
        collector=_collector(file),
        resources=_resources(file),
        has_environment=spec.environment is not None,
    )
    _check_whole(deployment)
    return deployment


def check_name(file: YamlFile, location: tuple[str, ...], name: str) -> None:
    """Azure's rule for the names of endpoints and deployments."""
    if not NAME.fullmatch(name) or not _SHORTEST <= len(name) <= _LONGEST:
        raise file.error(
            location,
            f"not a name that Azure accepts: `{name}`",
            hint=f"use {_SHORTEST} to {_LONGEST} letters, digits and `-`, a letter first",
        )


def _kind(file: YamlFile, spec: keys.DeploymentKeys) -> DeploymentKind:
    schema = (spec.schema_ or "").rpartition("/")[2]
    if schema and not schema.lower().startswith(("managedonline", "kubernetesonline")):
        raise file.error(("$schema",), f"not an online deployment: `{schema}`")
    if spec.type:
        return spec.type
    return "kubernetes" if schema.lower().startswith("kubernetes") else "managed"


def section(keys_of: type[Keys], file: YamlFile, *location: str) -> Keys | None:
    """One section of the file, or None if it is not there."""
    node = file.data
    for step in location:
        node = node.get(step) if isinstance(node, dict) else None
    if node is None:
        return None
    return parse(keys_of, file.section(*location), what=f"`{'.'.join(location)}`")


def _model(file: YamlFile, spec: keys.DeploymentKeys) -> InlineModel | ModelReference | None:
    if spec.model is None:
        return None
    if isinstance(spec.model, str):
        text = spec.model.strip()
        if text.startswith(REGISTRY):
            raise file.error(
                ("model",),
                f"models of a registry are not on this machine: {text}",
                hint="download it, then write `path:` or register it with `aml-emu register`",
            )
        if text.startswith("azureml:"):
            return ModelReference(text=text)
        path, place = text, file  # a path, or the file of a model asset
        target = asset.beside(file, ("model",), text)
        if target.suffix in {".yml", ".yaml"} and target.is_file():
            return _inline(load_yaml(target, what="model"), ())
        return InlineModel(path=_there(place, ("model",), path))
    return _inline(file.section("model"), ())


def _inline(file: YamlFile, location: tuple[str, ...]) -> InlineModel:
    spec = parse(keys.ModelKeys, file, what="a model")
    return InlineModel(
        path=_there(file, (*location, "path"), spec.path),
        name=spec.name,
        version=spec.version,
        type=spec.type,
    )


def _there(file: YamlFile, location: tuple[str, ...], text: str) -> Path:
    path = Path(os.path.normpath(asset.beside(file, location, text).absolute()))
    if not path.exists():
        raise file.error(location, f"model not found: {path}", hint=nearest_file(path))
    return path


def _code(file: YamlFile) -> Code | None:
    spec = section(keys.CodeKeys, file, "code_configuration")
    if spec is None:
        return None
    place = file.section("code_configuration")
    folder = asset.beside(place, ("code",), spec.code).resolve()
    if not folder.is_dir():
        raise place.error(("code",), f"code folder not found: {folder}")
    script = Path(os.path.normpath(folder / spec.scoring_script))
    if not script.resolve().is_relative_to(folder):
        raise place.error(
            ("scoring_script",),
            f"the scoring script is outside `code`: {script}",
            hint="only `code` travels into the container: name a file in it",
        )
    if not script.is_file():
        raise place.error(
            ("scoring_script",), f"scoring script not found: {script}", hint=nearest_file(script)
        )
    check_scoring_script(script)
    return Code(folder=folder, script=PurePosixPath(script.relative_to(folder).as_posix()))


def _instances(file: YamlFile, spec: keys.DeploymentKeys) -> int:
    scale = section(keys.ScaleKeys, file, "scale_settings")
    if scale is None or scale.type == "default":
        return spec.instance_count
    if scale.min_instances > scale.max_instances:
        raise file.section("scale_settings").error(
            ("min_instances",),
            f"`min_instances` is above `max_instances`: "
            f"{scale.min_instances} > {scale.max_instances}",
        )
    return scale.min_instances


def _requests(file: YamlFile, kind: DeploymentKind) -> RequestSettings:
    spec = section(keys.RequestKeys, file, "request_settings") or keys.RequestKeys()
    if kind == "managed" and spec.request_timeout_ms > _LONGEST_TIMEOUT_MS:
        raise file.section("request_settings").error(
            ("request_timeout_ms",),
            f"a managed endpoint waits {_LONGEST_TIMEOUT_MS} ms at most: {spec.request_timeout_ms}",
        )
    return RequestSettings(
        timeout_ms=spec.request_timeout_ms,
        concurrent=spec.max_concurrent_requests_per_instance,
        queue_wait_ms=spec.max_queue_wait_ms,
    )


def _probe(file: YamlFile, name: str) -> ProbeSettings:
    spec = section(keys.ProbeKeys, file, name)
    return ProbeSettings(**spec.model_dump()) if spec else ProbeSettings()


def _routes(file: YamlFile, registered: Callable[[str], Path | None]) -> Routes | None:
    """Those of the environment, written inline, in a file of its own or registered."""
    environment = file.data.get("environment")
    place = None
    if isinstance(environment, dict):
        place = file.section("environment")
    elif isinstance(environment, str):
        try:
            path = _environment_file(file, environment.strip(), registered)
        except EmuError as error:
            raise file.error(("environment",), error.message, hint=error.hint) from error
        if path and path.suffix in {".yml", ".yaml"} and path.is_file():
            place = load_yaml(path, what="environment file")
    spec = section(keys.InferenceKeys, place, "inference_config") if place else None
    if spec is None:
        return None

    def route(written: keys.RouteKeys) -> Route:
        return Route(path="/" + written.path.lstrip("/"), port=written.port)

    return Routes(
        liveness=route(spec.liveness_route),
        readiness=route(spec.readiness_route),
        scoring=route(spec.scoring_route),
    )


def _environment_file(
    file: YamlFile, text: str, registered: Callable[[str], Path | None]
) -> Path | None:
    if text.startswith("azureml:"):
        return registered(text)
    return asset.beside(file, ("environment",), text)


def _collector(file: YamlFile) -> DataCollector | None:
    spec = section(keys.CollectorKeys, file, "data_collector")
    if spec is None:
        return None
    return DataCollector(
        collections=tuple(
            Collection(name=name, rate=each.sampling_rate or spec.sampling_rate)
            for name, each in spec.collections.items()
            if each.enabled
        ),
        rolling=spec.rolling_rate,
        headers=tuple(name.lower() for name in spec.request_logging.capture_headers),
    )


def _resources(file: YamlFile) -> Resources:
    spec = section(keys.ResourceKeys, file, "resources")
    if spec is None:
        return Resources()

    def amount(
        read: Callable[[str], Amount], text: str | None, location: tuple[str, ...]
    ) -> Amount | None:
        try:
            return None if text is None else read(text)
        except ValueError as error:
            raise file.section("resources").error(location, str(error)) from error

    amount(amounts.cpus, spec.requests.cpu, ("requests", "cpu"))
    return Resources(
        memory_request=amount(amounts.memory_bytes, spec.requests.memory, ("requests", "memory")),
        memory_limit=amount(amounts.memory_bytes, spec.limits.memory, ("limits", "memory")),
        cpu_limit=amount(amounts.cpus, spec.limits.cpu, ("limits", "cpu")),
    )


def _text(value: str | bool) -> str:  # noqa: FBT001  # one of the two things YAML makes of it
    return str(value).lower() if isinstance(value, bool) else value


def _check_whole(deployment: Deployment) -> None:
    """What no section can know alone."""
    file, model = deployment.file, deployment.model
    is_mlflow = isinstance(model, InlineModel) and model.type == "mlflow_model"
    if is_mlflow and not (isinstance(model, InlineModel) and (model.path / "MLmodel").is_file()):
        raise file.error(
            ("model",), "not an MLflow model: it has no `MLmodel`", hint="name the model's folder"
        )
    if isinstance(model, InlineModel) and model.type == "triton_model" and not deployment.routes:
        raise file.error(
            ("model",),
            "Triton models are emulated as custom containers only",
            hint="add the Triton image with `inference_config` to `environment`",
        )
    may_lack = is_mlflow or isinstance(model, ModelReference)  # known once it is looked up
    if not deployment.has_environment and not may_lack:
        raise file.error(("name",), "a deployment needs `environment`")
    if deployment.code is None and deployment.routes is None and not may_lack:
        raise file.error(
            ("name",),
            "a deployment needs `code_configuration`",
            hint="only MLflow models and images with `inference_config` do without",
        )
    if deployment.model_mount_path and not deployment.routes:
        raise file.error(
            ("model_mount_path",), "`model_mount_path` is for images with `inference_config`"
        )
    for name in deployment.variables:
        if not re.fullmatch(r"[^=\0]+", name):
            raise SpecError(f"{file.path}: not the name of a variable: `{name}`")
