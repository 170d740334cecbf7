"""The sections of an Environment: Python, Docker, Spark; values and their JSON."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional

from ..core.conda_dependencies import CondaDependencies
from ..core.container_registry import ContainerRegistry
from ..exceptions import UserErrorException

# those of September 2020, which the guides of that time name
DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/base-gpu:intelmpi2018.3-cuda10.0-cudnn7-ubuntu16.04"
_EXCLUSIVE = ("base_image", "base_dockerfile", "build_context")


class PythonSection:
    """Which packages, or that the image has them already."""

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path: Optional[str] = "python"
        self.conda_dependencies_file: Optional[str] = None
        self.base_conda_environment: Optional[str] = None
        self._conda: Optional[CondaDependencies] = None

    @property
    def conda_dependencies(self) -> CondaDependencies:
        if self._conda is None:
            self._conda = CondaDependencies()
        return self._conda

    @conda_dependencies.setter
    def conda_dependencies(self, value: CondaDependencies) -> None:
        if not isinstance(value, CondaDependencies):
            raise UserErrorException(
                f"conda_dependencies must be CondaDependencies: {type(value).__name__}"
            )
        self._conda = value

    def as_json(self) -> Dict[str, Any]:
        conda = self._conda
        if self.conda_dependencies_file is not None and conda is None:
            conda = CondaDependencies(self.conda_dependencies_file)
        return {
            "interpreterPath": self.interpreter_path,
            "userManagedDependencies": bool(self.user_managed_dependencies),
            "condaDependencies": (conda or CondaDependencies()).as_dict(),
            "baseCondaEnvironment": self.base_conda_environment,
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> PythonSection:
        made = cls()
        made.user_managed_dependencies = bool(found.get("userManagedDependencies"))
        made.interpreter_path = found.get("interpreterPath")
        made.base_conda_environment = found.get("baseCondaEnvironment")
        if found.get("condaDependencies"):
            made._conda = CondaDependencies(_underlying_structure=found["condaDependencies"])
        return made


class DockerBuildContext:
    """A folder of this machine with a Dockerfile in it."""

    def __init__(self, location: str, dockerfile_path: str = "Dockerfile") -> None:
        self.location = location
        self.dockerfile_path = dockerfile_path
        self.location_type = "localpath"

    @staticmethod
    def from_local_directory(
        workspace: Any, path: str, dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        return DockerBuildContext(os.path.abspath(path), dockerfile_path)


class DockerSection:
    """On what image. Setting one of the three ways to say it clears the others."""

    base_image: Optional[str]
    base_dockerfile: Optional[str]
    build_context: Optional[DockerBuildContext]

    def __init__(self) -> None:
        self.enabled = False
        self.base_image = DEFAULT_CPU_IMAGE
        self.base_image_registry: Any = ContainerRegistry()
        self.platform = Platform()
        self.arguments: List[str] = []
        self.shared_volumes = True
        self.shm_size: Optional[str] = None
        self.gpu_support: Optional[bool] = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _EXCLUSIVE and (value is not None or name not in vars(self)):
            vars(self).update(dict.fromkeys(_EXCLUSIVE))
        vars(self)[name] = value

    def as_json(self) -> Dict[str, Any]:
        registry = self.base_image_registry
        address = registry if isinstance(registry, str) else registry.address
        context = self.build_context
        return {
            "enabled": bool(self.enabled),
            "baseImage": self.base_image,
            "baseDockerfile": _dockerfile(self.base_dockerfile),
            "buildContext": None
            if context is None
            else {
                "location": context.location,
                "locationType": context.location_type,
                "dockerfilePath": context.dockerfile_path,
            },
            "baseImageRegistry": {"address": address, "username": None, "password": None},
            "platform": {"os": self.platform.os, "architecture": self.platform.architecture},
            "arguments": list(self.arguments),
            "sharedVolumes": self.shared_volumes,
            "shmSize": self.shm_size,
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> DockerSection:
        made = cls()
        made.enabled = bool(found.get("enabled"))
        made.base_image = found.get("baseImage")
        for name, key in (("base_image", "baseImage"), ("base_dockerfile", "baseDockerfile")):
            if found.get(key):
                setattr(made, name, found[key])
        context = found.get("buildContext")
        if context:
            made.build_context = DockerBuildContext(
                context["location"], context.get("dockerfilePath") or "Dockerfile"
            )
        registry = ContainerRegistry()
        registry.address = (found.get("baseImageRegistry") or {}).get("address")
        made.base_image_registry = registry
        made.arguments = list(found.get("arguments") or [])
        made.shm_size = found.get("shmSize")
        return made


class Platform:
    """What the image is for."""

    def __init__(self) -> None:
        self.os = "Linux"
        self.architecture = "amd64"


class SparkSection:
    """Kept for scripts that set it; there is no Spark here."""

    def __init__(self) -> None:
        self.repositories: List[str] = []
        self.packages: List[Any] = []
        self.precache_packages = True


def _dockerfile(text: Optional[str]) -> Optional[str]:
    """The text, also where its path was given, as the SDK allows."""
    if text is None or "\n" in text or not os.path.isfile(text):
        return text
    with open(text, encoding="utf-8") as file:
        return file.read()
