"""`InferenceConfig`: the script that scores, and the environment it runs in, checked at once."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import ast
import os
import warnings
from typing import Any, Dict, Optional

from ..exceptions import UserErrorException, WebserviceException

_SERVER = ("azureml-defaults", "azureml-inference-server-http")
_OLD = ("runtime", "conda_file", "extra_docker_file_steps", "base_image")


class InferenceConfig:
    """What a service is made of. Without an `environment` the fields of before 2020 say it."""

    def __init__(
        self,
        entry_script: str,
        runtime: Optional[str] = None,
        conda_file: Optional[str] = None,
        extra_docker_file_steps: Optional[str] = None,
        source_directory: Optional[str] = None,
        enable_gpu: Optional[bool] = None,
        description: Optional[str] = None,
        base_image: Optional[str] = None,
        base_image_registry: Any = None,
        cuda_version: Optional[str] = None,
        environment: Any = None,
    ) -> None:
        self.entry_script = entry_script
        self.runtime = runtime
        self.conda_file = conda_file
        self.extra_docker_file_steps = extra_docker_file_steps
        self.source_directory = source_directory
        self.enable_gpu = enable_gpu
        self.description = description
        self.base_image = base_image
        self.base_image_registry = base_image_registry
        self.cuda_version = cuda_version
        self.environment = environment
        self._check_fields()
        _check_script(self._script())
        if environment is not None:
            _check_environment(environment)

    def _check_fields(self) -> None:
        given = [name for name in _OLD if getattr(self, name) is not None]
        if self.environment is not None and given:
            raise UserErrorException(
                f"InferenceConfig takes `environment` or {', '.join(given)}, not both"
            )
        if self.environment is None and self.conda_file is None:
            raise UserErrorException(
                "InferenceConfig needs an `environment`: make one with "
                "Environment.from_conda_specification(name, file_path)"
            )
        if self.extra_docker_file_steps is not None:
            raise UserErrorException(
                "`extra_docker_file_steps` is not part of aml-emu's azureml: give the steps in "
                "`environment.docker.base_dockerfile`"
            )
        if self.source_directory is not None and not os.path.isdir(self.source_directory):
            raise UserErrorException(f"the source directory is not there: {self.source_directory}")

    def _script(self) -> str:
        """Of this machine; an entry script is named from the source directory."""
        return os.path.abspath(os.path.join(self.source_directory or "", self.entry_script))

    def _asked(self) -> Dict[str, Any]:
        """As the emulator is told it."""
        source = self.source_directory
        return {
            "script": self._script(),
            "source": None if source is None else os.path.abspath(source),
            "environment": (self.environment or self._old_environment())._wire(),
            "description": self.description or "",
        }

    def _old_environment(self) -> Any:
        from ..core.environment import Environment  # scripts with an environment have it already

        assert self.conda_file is not None  # noqa: S101  # checked when it was made
        path = os.path.join(self.source_directory or "", self.conda_file)
        name = os.path.splitext(os.path.basename(path))[0]
        made = Environment.from_conda_specification(name=name, file_path=path)
        if self.base_image is not None:
            made.docker.base_image = self.base_image
        return made


def _check_script(path: str) -> None:
    if not path.endswith(".py"):
        raise UserErrorException(f"the entry script must be a Python file (.py): {path}")
    if not os.path.isfile(path):
        raise UserErrorException(f"the entry script is not there: {path}")
    with open(path, "rb") as file:
        source = file.read()
    try:
        ast.parse(source, filename=path)
    except (SyntaxError, ValueError) as error:
        raise UserErrorException(f"the entry script is not Python: {error}") from error


def _check_environment(environment: Any) -> None:
    docker = environment.docker
    if docker.base_image is not None and docker.base_dockerfile is not None:
        raise WebserviceException(
            "the environment has a `base_image` and a `base_dockerfile`: set one of them to None"
        )
    python = environment.python
    dependencies = python.conda_dependencies
    if python.user_managed_dependencies or dependencies is None:
        return
    packages = " ".join(dependencies.pip_packages or ())
    if not any(name in packages for name in _SERVER):
        warnings.warn(
            "the environment's pip packages lack `azureml-defaults`: a service needs its server",
            stacklevel=3,
        )
