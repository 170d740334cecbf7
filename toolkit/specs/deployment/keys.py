"""The keys of a deployment's file, section by section, as pydantic models. Decides nothing.

The keys are those of managedOnlineDeployment.schema.json and of its Kubernetes sibling.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from toolkit.specs.yamlfile import any_case


class Section(BaseModel):
    """A part of the file in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class DeploymentKeys(Section):
    """The topmost level; what is a mapping here is read by the section of its own."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: str
    type: Literal["managed", "kubernetes"] | None = None
    endpoint_name: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    model: str | dict[str, Any] | None = None
    model_mount_path: str | None = None
    code_configuration: dict[str, Any] | None = None
    environment: str | dict[str, Any] | None = None
    environment_variables: dict[str, str | bool] = {}
    instance_type: str | None = None
    instance_count: int = Field(default=1, ge=1)
    app_insights_enabled: bool = False
    scale_settings: dict[str, Any] | None = None
    request_settings: dict[str, Any] | None = None
    liveness_probe: dict[str, Any] | None = None
    readiness_probe: dict[str, Any] | None = None
    egress_public_network_access: Literal["enabled", "disabled"] = "enabled"
    data_collector: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None

    _any_case = field_validator("type", "egress_public_network_access", mode="before")(any_case)


class ModelKeys(Section):
    schema_: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    version: str | None = None
    type: Literal["custom_model", "mlflow_model", "triton_model"] = "custom_model"
    path: str
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    flavors: dict[str, Any] = {}
    stage: str | None = None

    _any_case = field_validator("type", mode="before")(any_case)


class CodeKeys(Section):
    code: str
    scoring_script: str


class RequestKeys(Section):
    request_timeout_ms: int = Field(default=5000, ge=1)
    max_concurrent_requests_per_instance: int = Field(default=1, ge=1)
    max_queue_wait_ms: int = Field(default=500, ge=0)


class ProbeKeys(Section):
    initial_delay: int = Field(default=10, ge=1)
    period: int = Field(default=10, ge=1)
    timeout: int = Field(default=2, ge=1)
    success_threshold: int = Field(default=1, ge=1)
    failure_threshold: int = Field(default=30, ge=1)


class ScaleKeys(Section):
    type: Literal["default", "target_utilization"] = "default"
    min_instances: int = Field(default=1, ge=1)
    max_instances: int = Field(default=1, ge=1)
    polling_interval: int = Field(default=1, ge=1)
    target_utilization_percentage: int = Field(default=70, ge=1, le=100)

    _any_case = field_validator("type", mode="before")(any_case)


class RouteKeys(Section):
    port: int = Field(ge=1, le=65535)
    path: str = "/"


class InferenceKeys(Section):
    liveness_route: RouteKeys
    readiness_route: RouteKeys
    scoring_route: RouteKeys


class CollectionKeys(Section):
    enabled: bool = True
    sampling_rate: float | None = Field(default=None, gt=0, le=1)
    data: Any = None


class LoggingKeys(Section):
    capture_headers: list[str] = []


class CollectorKeys(Section):
    collections: dict[str, CollectionKeys]
    sampling_rate: float = Field(default=1.0, gt=0, le=1)
    rolling_rate: Literal["year", "month", "day", "hour", "minute"] = "hour"
    request_logging: LoggingKeys = LoggingKeys()

    _any_case = field_validator("rolling_rate", mode="before")(any_case)


class AmountKeys(Section):
    """Amounts as Kubernetes writes them: `500m`, `0.5Gi`."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, frozen=True)

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = Field(default=None, alias="nvidia.com/gpu")


class ResourceKeys(Section):
    requests: AmountKeys = AmountKeys()
    limits: AmountKeys = AmountKeys()
