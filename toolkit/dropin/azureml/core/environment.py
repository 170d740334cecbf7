"""`Environment`: packages, image and variables of a job or service, made, kept, registered."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import copy
import json
import os
from typing import Any, Dict, List, Mapping, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.missing import missing_member
from .._aml_emu.operation import follow
from .._aml_emu.sections import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    DockerBuildContext,
    DockerSection,
    PythonSection,
    SparkSection,
)
from ..exceptions import UserErrorException
from .conda_dependencies import CondaDependencies
from .container_registry import ContainerRegistry

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "CondaDependencies",
    "ContainerRegistry",
    "DockerBuildContext",
    "DockerSection",
    "Environment",
    "PythonSection",
    "SparkSection",
]

_ADVICE = {
    "add_private_pip_wheel": "serve the wheel from an index, or put it beside the script",
    "from_existing_conda_environment": "`conda env export` it, and use from_conda_specification",
    "get_image_details": "build it: `build_local(workspace).image` is its name",
}
_RESERVED = ("microsoft", "azureml")
_DEFINITION = "azureml_environment.json"
_CONDA = "conda_dependencies.yml"
_DOCKERFILE = "BaseDockerfile"


class Environment:
    """What a script describes; nothing is built until something needs it."""

    def __init__(self, name: str, **_kwargs: Any) -> None:
        if name.lower().startswith(_RESERVED):
            raise UserErrorException(
                f"Environment name can not start with Microsoft or AzureML: {name}; "
                "use `Environment.get` for a curated one, and `clone` to change it"
            )
        self._begin(name)

    def _begin(self, name: str) -> None:
        self.name = name
        self.version: Optional[str] = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.environment_variables: Dict[str, str] = {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}
        self.inferencing_stack_version: Optional[str] = None
        self._curated = False

    @staticmethod
    def get(
        workspace: Any, name: str, version: Optional[str] = None, label: Optional[str] = None
    ) -> Environment:
        """One that was registered in this workspace, else a curated one."""
        query = {"version": version or "", "label": label or ""}
        found = ask(workspace._link, "GET", "environments/" + name, query=query)
        return Environment._of(found)

    @staticmethod
    def list(workspace: Any) -> Dict[str, Environment]:
        """By name; a curated one is read when something of it is asked for."""
        found = ask(workspace._link, "GET", "environments")["names"]
        return Environments(workspace, found)

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Environment:
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        if made.python.conda_dependencies.get_python_version() is None:
            text = made.python.conda_dependencies.as_dict()
            text["dependencies"].insert(0, "python")
            made.python.conda_dependencies = CondaDependencies(_underlying_structure=text)
        return made

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str, pip_version: Optional[str] = None
    ) -> Environment:
        made = Environment(name)
        if not os.path.isfile(file_path):
            raise UserErrorException(f"the requirements file is not there: {file_path}")
        with open(file_path, encoding="utf-8") as file:
            lines = [line.partition(" #")[0].strip() for line in file]
        wanted = [line for line in lines if line and not line.startswith("#")]
        conda = CondaDependencies.create(pip_packages=wanted)
        if pip_version:
            conda.add_conda_package("pip=" + pip_version)
        made.python.conda_dependencies = conda
        return made

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str,
        conda_specification: Any = None,
        pip_requirements: Any = None,
    ) -> Environment:
        """A Dockerfile's text or path; without packages the image brings its own Python."""
        made = _with_packages(name, conda_specification, pip_requirements)
        made.docker.base_dockerfile = dockerfile
        return made

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: Any = None,
        conda_specification: Any = None,
        pip_requirements: Any = None,
    ) -> Environment:
        made = _with_packages(name, conda_specification, pip_requirements)
        made.docker.base_image = image
        if container_registry is not None:
            made.docker.base_image_registry = container_registry
        return made

    @staticmethod
    def from_docker_build_context(
        name: str,
        docker_build_context: DockerBuildContext,
        conda_specification: Any = None,
        pip_requirements: Any = None,
    ) -> Environment:
        made = _with_packages(name, conda_specification, pip_requirements)
        made.docker.build_context = docker_build_context
        return made

    def clone(self, new_name: str) -> Environment:
        made = Environment(new_name)
        for part in ("python", "docker", "spark", "environment_variables"):
            setattr(made, part, copy.deepcopy(getattr(self, part)))
        made.inferencing_stack_version = self.inferencing_stack_version
        return made

    def register(self, workspace: Any) -> Environment:
        """Keep it as the next version, or as the one that is the same."""
        body = {"definition": self._definition()}
        found = ask(workspace._link, "POST", "environments/" + self.name, body)
        return Environment._of(found)

    def build(self, workspace: Any, image_build_compute: Any = None) -> ImageBuildDetails:
        """Start to build its image, here."""
        body = {"environment": self._wire()}
        started = ask(workspace._link, "POST", "images", body)
        return ImageBuildDetails(workspace, started["operation"])

    def build_local(
        self,
        workspace: Any,
        platform: Any = None,
        useDocker: bool = False,  # noqa: N803  # the SDK's name
        pushImageToWorkspaceAcr: bool = False,  # noqa: N803  # the SDK's name
        **_kwargs: Any,
    ) -> LocalImage:
        """Build its image and wait for it, showing how it goes; always with the local engine."""
        details = self.build(workspace)
        details.wait_for_completion(show_output=True)
        return LocalImage(details.image)

    def save_to_directory(self, path: str, overwrite: bool = False) -> None:
        if os.path.exists(path) and not overwrite:
            raise UserErrorException(f"{path} exists already: pass overwrite=True")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, _DEFINITION), "w", encoding="utf-8") as file:
            json.dump(self._definition(), file, indent=4)
            file.write("\n")
        self.python.conda_dependencies.save(os.path.join(path, _CONDA))
        text = self._definition()["docker"]["baseDockerfile"]
        if text:
            with open(os.path.join(path, _DOCKERFILE), "w", encoding="utf-8") as file:
                file.write(text)

    @staticmethod
    def load_from_directory(path: str) -> Environment:
        file_path = os.path.join(path, _DEFINITION)
        if not os.path.isfile(file_path):
            raise UserErrorException(f"no environment was saved here: {path}")
        with open(file_path, encoding="utf-8") as file:
            found = json.load(file)
        return Environment._of({"definition": found, "name": found["name"]})

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name, _ADVICE.get(name, ""))

    def __repr__(self) -> str:
        return json.dumps(self._definition(), indent=4)

    def _definition(self) -> Dict[str, Any]:
        """As `azureml_environment.json` has it."""
        return {
            "name": self.name,
            "version": self.version,
            "environmentVariables": {
                str(key): str(value) for key, value in self.environment_variables.items()
            },
            "python": self.python.as_json(),
            "docker": self.docker.as_json(),
            "spark": {"repositories": [], "packages": [], "precachePackages": True},
            "inferencingStackVersion": self.inferencing_stack_version,
        }

    def _wire(self) -> Dict[str, Any]:
        """What the emulator is told: a curated one is known by its name."""
        return {"curated": self.name} if self._curated else {"definition": self._definition()}

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Environment:
        made = cls.__new__(cls)
        made._begin(found["name"])
        definition = found["definition"]
        made.version = found.get("version") or definition.get("version")
        made.python = PythonSection.of(definition.get("python") or {})
        made.docker = DockerSection.of(definition.get("docker") or {})
        made.environment_variables = dict(definition.get("environmentVariables") or {})
        made.inferencing_stack_version = definition.get("inferencingStackVersion")
        made._curated = bool(found.get("curated"))
        return made


class Environments(Dict[str, Environment]):
    """`Environment.list`: names at once, each environment when it is looked up."""

    def __init__(self, workspace: Any, names: List[str]) -> None:
        super().__init__(dict.fromkeys(names))  # type: ignore[arg-type]  # filled on demand
        self._workspace = workspace

    def __getitem__(self, name: str) -> Environment:
        found = super().__getitem__(name)
        if found is None:
            found = Environment.get(self._workspace, name)
            self[name] = found
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """As `[]`, which looks them up; a dictionary's own would give what is not read yet."""
        if name not in self:
            return default
        return self[name]

    def items(self) -> Any:
        return ((name, self[name]) for name in list(self))

    def values(self) -> Any:
        return (self[name] for name in list(self))


class ImageBuildDetails:
    """A build under way."""

    def __init__(self, workspace: Any, operation: str) -> None:
        self._link = workspace._link
        self._operation = operation
        self.image = ""

    @property
    def status(self) -> str:
        return str(ask(self._link, "GET", "operations/" + self._operation)["state"])

    def wait_for_completion(self, show_output: bool = True) -> ImageBuildDetails:
        self.image = str(follow(self._link, self._operation, show_output)["image"])
        return self


class LocalImage:
    """The image of an environment on this machine."""

    def __init__(self, image: str) -> None:
        self.image = image

    def __repr__(self) -> str:
        return f"LocalImage({self.image})"


def _with_packages(name: str, conda: Any, pip: Any) -> Environment:
    if conda is not None and pip is not None:
        raise UserErrorException("give either conda_specification or pip_requirements")
    if conda is not None:
        made = Environment(name)
        is_value = isinstance(conda, CondaDependencies)
        made.python.conda_dependencies = conda if is_value else CondaDependencies(conda)
        return made
    if pip is not None:
        return Environment.from_pip_requirements(name, pip)
    made = Environment(name)
    made.python.user_managed_dependencies = True
    return made
