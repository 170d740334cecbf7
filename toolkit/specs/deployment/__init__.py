"""What the user wrote about a deployment of an online endpoint. Reads files only."""

from toolkit.specs.deployment.file import load_deployment
from toolkit.specs.deployment.model import (
    Code,
    Collection,
    DataCollector,
    Deployment,
    InlineModel,
    ModelReference,
    ProbeSettings,
    RequestSettings,
    Resources,
    Route,
    Routes,
)

__all__ = [
    "Code",
    "Collection",
    "DataCollector",
    "Deployment",
    "InlineModel",
    "ModelReference",
    "ProbeSettings",
    "RequestSettings",
    "Resources",
    "Route",
    "Routes",
    "load_deployment",
]
