"""What a deployment is once it has been read: values only, with the cloud's defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from toolkit.specs.environment import Environment, environment_section, load_environment
from toolkit.specs.yamlfile import YamlFile, load_yaml

DeploymentKind = Literal["managed", "kubernetes"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """`script` stands in `folder`, or deeper."""

    folder: Path
    script: PurePosixPath


@dataclass(frozen=True, kw_only=True)
class ModelReference:
    """A registered model: `azureml:name:version` or `azureml:name@label`."""

    text: str


@dataclass(frozen=True, kw_only=True)
class InlineModel:
    """A model as the deployment's file describes it; without a name Azure makes one up."""

    path: Path
    name: str | None = None
    version: str | None = None
    type: str = "custom_model"


@dataclass(frozen=True, kw_only=True)
class RequestSettings:
    """Defaults: "CLI (v2) managed online deployment YAML schema", RequestSettings."""

    timeout_ms: int = 5000
    concurrent: int = 1
    queue_wait_ms: int = 500


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Defaults: "CLI (v2) managed online deployment YAML schema", ProbeSettings."""

    initial_delay: float = 10
    period: float = 10
    timeout: float = 2
    success_threshold: int = 1
    failure_threshold: int = 30

    @property
    def patience(self) -> float:
        """Seconds that a container has to answer for the first time."""
        return self.initial_delay + self.failure_threshold * self.period


@dataclass(frozen=True, kw_only=True)
class Route:
    """One address inside the container."""

    path: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Routes:
    """Where a container of the user's own answers."""

    liveness: Route
    readiness: Route
    scoring: Route


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One kind of data to keep, and the share of the requests it is kept of."""

    name: str
    rate: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DataCollector:
    """`rolling` is how the files are divided by time; `headers` are kept beside the bodies."""

    collections: tuple[Collection, ...]
    rolling: Literal["year", "month", "day", "hour", "minute"] = "hour"
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one replica asks for and may have at most; in bytes and CPUs."""

    memory_request: int | None = None
    memory_limit: int | None = None
    cpu_limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment file. `file` remembers where everything stood, for errors to come."""

    file: YamlFile = field(repr=False)
    kind: DeploymentKind
    name: str
    endpoint: str | None
    model: InlineModel | ModelReference | None = None
    model_mount_path: PurePosixPath | None = None
    code: Code | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    instance_type: str | None = None
    instances: int = 1
    requests: RequestSettings = RequestSettings()
    liveness: ProbeSettings = ProbeSettings()
    readiness: ProbeSettings = ProbeSettings()
    routes: Routes | None = None
    collector: DataCollector | None = None
    resources: Resources = Resources()
    has_environment: bool = False

    @property
    def environment_reference(self) -> str | None:
        """`azureml:name:version`, if that is how the environment is named."""
        written = self.file.data.get("environment")
        named = isinstance(written, str) and written.strip().startswith("azureml:")
        return str(written).strip() if named else None

    def environment(self) -> Environment:
        """The environment as the files say now: asked again after an edit, it is another one."""
        if self.environment_reference:
            return load_environment(self.environment_reference)
        return environment_section(load_yaml(self.file.path, what="deployment"), "environment")
