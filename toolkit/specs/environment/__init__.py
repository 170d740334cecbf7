"""What the user wrote about an environment: what it stands on, which packages. Reads files only."""

from toolkit.specs.environment.curated import curated_names, load_curated
from toolkit.specs.environment.model import (
    CondaEnvironment,
    CuratedEnvironment,
    Dependency,
    Dockerfile,
    DockerfileEnvironment,
    Environment,
    ImageEnvironment,
    PipEnvironment,
    slug,
)
from toolkit.specs.environment.reference import environment_section, load_environment

__all__ = [
    "CondaEnvironment",
    "CuratedEnvironment",
    "Dependency",
    "Dockerfile",
    "DockerfileEnvironment",
    "Environment",
    "ImageEnvironment",
    "PipEnvironment",
    "curated_names",
    "environment_section",
    "load_curated",
    "load_environment",
    "slug",
]
