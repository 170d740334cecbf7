"""`RunConfiguration`: how a script is to be run; saved and loaded as a .runconfig."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.link import link_or_raise
from .._aml_emu.missing import missing_member
from .._aml_emu.sections import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE
from .._aml_emu.yamltext import to_yaml
from ..exceptions import UserErrorException
from .conda_dependencies import CondaDependencies  # noqa: F401  # samples import it from here
from .environment import Environment

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "DataReferenceConfiguration",
    "DockerConfiguration",
    "HistoryConfiguration",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "RunConfiguration",
    "TensorflowConfiguration",
]

LONGEST_SECONDS = 2592000  # what stands there if nobody says anything: 30 days
_FOLDERS = (".azureml", "aml_config")
_CONDA = "conda_dependencies.yml"
_COMMENTS = {
    "script": "The script to run, relative to the project's folder.",
    "arguments": "Its arguments.",
    "target": "Where it was meant to run; here it runs on this machine.",
    "communicator": "None, ParameterServer, OpenMpi or IntelMpi.",
    "environment": "Packages, image and variables.",
    "history": "What is kept of a run.",
    "docker": "How the container is started.",
    "dataReferences": "Data on datastores, by name.",
}


class DockerConfiguration:
    """`use_docker` makes no difference: jobs run with the local engine."""

    def __init__(
        self,
        use_docker: bool = False,
        shared_volumes: bool = True,
        arguments: Optional[List[str]] = None,
        shm_size: Optional[str] = None,
    ) -> None:
        self.use_docker = use_docker
        self.shared_volumes = shared_volumes
        self.arguments = list(arguments or [])
        self.shm_size = shm_size


class HistoryConfiguration:
    """What is kept of a run."""

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch = ["logs"]


class MpiConfiguration:
    """So many processes on each node."""

    communicator = "IntelMpi"
    framework = "Python"

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        self.process_count_per_node = process_count_per_node
        self.node_count = node_count


class PyTorchConfiguration:
    """So many processes in all, by default one on each node."""

    communicator = "None"
    framework = "PyTorch"

    def __init__(
        self,
        communication_backend: str = "Nccl",
        process_count: Optional[int] = None,
        node_count: int = 1,
    ) -> None:
        self.communication_backend = communication_backend
        self.process_count = process_count
        self.node_count = node_count


class TensorflowConfiguration:
    """Workers and parameter servers."""

    communicator = "ParameterServer"
    framework = "TensorFlow"

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count
        self.node_count = 1


class DataReferenceConfiguration:
    """Data on a datastore, for `run_config.data_references`."""

    def __init__(
        self,
        datastore_name: Optional[str] = None,
        mode: str = "mount",
        path_on_datastore: Optional[str] = None,
        path_on_compute: Optional[str] = None,
        overwrite: bool = False,
    ) -> None:
        self.data_store_name = datastore_name
        self.mode = mode
        self.path_on_data_store = path_on_datastore
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite


class RunConfiguration:
    """All of it; the script's own part is usually a ScriptRunConfig's."""

    def __init__(
        self,
        script: Optional[str] = None,
        arguments: Optional[List[Any]] = None,
        framework: str = "Python",
        communicator: str = "None",
        conda_dependencies: Any = None,
        _history_enabled: Any = None,
        _path: Any = None,
        _name: Any = None,
        command: Any = None,
        **_kwargs: Any,
    ) -> None:
        self.script = script
        self.arguments = list(arguments or [])
        self.command = command
        self.framework = framework
        self.communicator = communicator
        self.target = "local"
        self.node_count = 1
        self.max_run_duration_seconds: Optional[float] = None
        self.environment = Environment("project_environment")
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self.history = HistoryConfiguration()
        self.docker = DockerConfiguration()
        self.mpi = MpiConfiguration()
        self.pytorch = PyTorchConfiguration()
        self.tensorflow = TensorflowConfiguration()
        self.data: Dict[str, Any] = {}
        self.output_data: Dict[str, Any] = {}
        self.data_references: Dict[str, Any] = {}
        self.environment_variables: Dict[str, str] = {}
        self.amlcompute: Any = None

    def save(
        self,
        path: Optional[str] = None,
        name: Optional[str] = None,
        separate_environment_yaml: bool = False,
    ) -> None:
        """As `.azureml/NAME` under a folder, or into the file that `path` names."""
        path = path or os.getcwd()
        is_file = name is None and not os.path.isdir(path)
        target = path if is_file else os.path.join(path, _FOLDERS[0], name or "project.runconfig")
        folder = os.path.dirname(os.path.abspath(target))
        os.makedirs(folder, exist_ok=True)
        said = self._as_json()
        python = said["environment"]["python"]
        del python["condaDependencies"]
        inside = os.path.basename(folder)
        prefix = f"{inside}/" if inside in _FOLDERS else ""
        python["condaDependenciesFile"] = prefix + _CONDA
        self.environment.python.conda_dependencies.save(os.path.join(folder, _CONDA))
        with open(target, "w", encoding="utf-8") as file:
            file.write(to_yaml(said, _COMMENTS))

    @staticmethod
    def load(path: str, name: Optional[str] = None) -> RunConfiguration:
        """From a file, or by its name from the `.azureml` folder of a project."""
        body = {"path": os.path.abspath(_existing(path, name))}
        return RunConfiguration._of(ask(link_or_raise(), "POST", "runconfig", body)["data"])

    @staticmethod
    def delete(path: str, name: str) -> None:
        os.remove(_existing(path, name))

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def _as_json(self) -> Dict[str, Any]:
        """The keys of a .runconfig."""
        environment = self.environment._definition()
        docker = self.docker
        said: Dict[str, Any] = {
            "script": self.script,
            "arguments": [str(argument) for argument in self.arguments],
            "target": self.target,
            "framework": self.framework,
            "communicator": self.communicator,
            "maxRunDurationSeconds": self.max_run_duration_seconds,
            "nodeCount": self.node_count,
            "environment": environment,
            "environmentVariables": dict(self.environment_variables),
            "history": {
                "outputCollection": self.history.output_collection,
                "snapshotProject": self.history.snapshot_project,
                "directoriesToWatch": list(self.history.directories_to_watch),
            },
            "docker": {
                "useDocker": docker.use_docker,
                "sharedVolumes": docker.shared_volumes,
                "arguments": docker.arguments,
                "shmSize": docker.shm_size,
            },
            **self._distribution(),
            "dataReferences": {
                name: {
                    "dataStoreName": each.data_store_name,
                    "mode": each.mode,
                    "pathOnDataStore": each.path_on_data_store,
                    "pathOnCompute": each.path_on_compute,
                    "overwrite": each.overwrite,
                }
                for name, each in self.data_references.items()
            },
        }
        if self.command is not None:
            said["command"] = self.command
        return said

    def _distribution(self) -> Dict[str, Any]:
        return {
            "mpi": {
                "processCountPerNode": self.mpi.process_count_per_node,
                "nodeCount": self.mpi.node_count,
            },
            "pytorch": {
                "communicationBackend": self.pytorch.communication_backend,
                "processCount": self.pytorch.process_count,
                "nodeCount": self.pytorch.node_count,
            },
            "tensorflow": {
                "workerCount": self.tensorflow.worker_count,
                "parameterServerCount": self.tensorflow.parameter_server_count,
            },
        }

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> RunConfiguration:
        made = cls(
            script=found.get("script"),
            arguments=found.get("arguments"),
            framework=found.get("framework") or "Python",
            communicator=found.get("communicator") or "None",
            command=found.get("command"),
        )
        made.target = found.get("target") or "local"
        made.node_count = int(found.get("nodeCount") or 1)
        made.max_run_duration_seconds = found.get("maxRunDurationSeconds")
        environment = found.get("environment") or {}
        name = environment.get("name") or "project_environment"
        made.environment = Environment._of({"name": name, "definition": environment})
        made.environment_variables = dict(found.get("environmentVariables") or {})
        docker = found.get("docker") or {}
        made.docker = DockerConfiguration(
            bool(docker.get("useDocker")),
            bool(docker.get("sharedVolumes", True)),
            docker.get("arguments"),
            docker.get("shmSize"),
        )
        history = found.get("history") or {}
        made.history.output_collection = bool(history.get("outputCollection", True))
        made.history.snapshot_project = bool(history.get("snapshotProject", True))
        made.history.directories_to_watch = list(history.get("directoriesToWatch") or ["logs"])
        made._take_distribution(found)
        for key, each in (found.get("dataReferences") or {}).items():
            made.data_references[key] = DataReferenceConfiguration(
                each.get("dataStoreName"),
                each.get("mode") or "mount",
                each.get("pathOnDataStore"),
                each.get("pathOnCompute"),
                bool(each.get("overwrite")),
            )
        return made

    def _take_distribution(self, found: Mapping[str, Any]) -> None:
        mpi, torch = found.get("mpi") or {}, found.get("pytorch") or {}
        self.mpi = MpiConfiguration(
            int(mpi.get("processCountPerNode") or 1), int(mpi.get("nodeCount") or 1)
        )
        self.pytorch = PyTorchConfiguration(
            torch.get("communicationBackend") or "Nccl",
            torch.get("processCount"),
            int(torch.get("nodeCount") or 1),
        )
        flow = found.get("tensorflow") or {}
        self.tensorflow = TensorflowConfiguration(
            int(flow.get("workerCount") or 1), int(flow.get("parameterServerCount") or 0)
        )


def _existing(path: str, name: Optional[str]) -> str:
    if name is None and os.path.isfile(path):
        return path
    tried = [
        os.path.join(path, folder, file)
        for folder in _FOLDERS
        for file in (name or "project", f"{name or 'project'}.runconfig")
    ]
    for candidate in tried:
        if os.path.isfile(candidate):
            return candidate
    raise UserErrorException(f"no run configuration is there; tried: {', '.join(tried)}")
