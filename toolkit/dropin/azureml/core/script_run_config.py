"""`ScriptRunConfig`: a script or command, its folder, and how it is to be run."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
import shlex
from typing import Any, Dict, List, Optional

from .._aml_emu.wiring import Wiring
from ..exceptions import UserErrorException
from .runconfig import LONGEST_SECONDS, DockerConfiguration, RunConfiguration

__all__ = ["DockerConfiguration", "ScriptRunConfig", "get_run_config_from_script_run"]


class ScriptRunConfig:
    """For `experiment.submit`."""

    def __init__(
        self,
        source_directory: str,
        script: Optional[str] = None,
        arguments: Optional[List[Any]] = None,
        run_config: Any = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Any = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: Optional[float] = LONGEST_SECONDS,
        command: Any = None,
        docker_runtime_config: Any = None,
    ) -> None:
        if command is not None and (script is not None or arguments is not None):
            raise UserErrorException("give either `command`, or `script` and `arguments`")
        if resume_from is not None:
            raise UserErrorException("`resume_from` is not emulated: read the files of that run")
        self.source_directory = source_directory or "."
        self.script = script
        self.arguments = arguments
        self.command = command
        if run_config is not None:
            ignored = {
                "compute_target": compute_target,
                "environment": environment,
                "distributed_job_config": distributed_job_config,
                "docker_runtime_config": docker_runtime_config,
            }
            given = [name for name, value in ignored.items() if value is not None]
            if given:
                print(f"Warning: run_config is given, so these are ignored: {', '.join(given)}")
            self.run_config = run_config
            return
        self.run_config = RunConfiguration()
        self.run_config.target = compute_target or "local"
        if environment is not None:
            self.run_config.environment = environment
        if docker_runtime_config is not None:
            self.run_config.docker = docker_runtime_config
        if max_run_duration_seconds != LONGEST_SECONDS:
            self.run_config.max_run_duration_seconds = max_run_duration_seconds
        if distributed_job_config is not None:
            distribute(self.run_config, distributed_job_config)

    def _wire(self) -> Dict[str, Any]:
        config = self.run_config
        command = self.command if self.command is not None else config.command
        script = None if command else self.script or config.script
        wiring = Wiring()
        data = [*config.data.values(), *config.output_data.values()]
        wiring.add_inputs(each for each in data if not _is_output(each))
        wiring.add_outputs(each for each in data if _is_output(each))
        given = self.arguments if self.arguments is not None else config.arguments
        if isinstance(command, list):
            wiring.add_arguments(command)
            words = [word if _is_token(word) else shlex.quote(word) for word in wiring.arguments]
            command, wiring.arguments = " ".join(words), []
        else:
            wiring.add_arguments(given)
        job = job_json(config, self.source_directory, script=script, command=command)
        return dict(job, **wiring.as_json())


def job_json(
    config: RunConfiguration, folder: str, *, script: Optional[str], command: Optional[str]
) -> Dict[str, Any]:
    """What the emulator is told of a job, but for its arguments and data."""
    said = config._as_json()
    own = ("target", "framework", "communicator", "mpi", "pytorch", "tensorflow", "nodeCount")
    target = config.target if isinstance(config.target, str) else config.target.name
    return {
        "source_directory": os.path.abspath(folder),
        "script": script,
        "command": command,
        "environment": config.environment._wire(),
        "environment_variables": {str(k): str(v) for k, v in config.environment_variables.items()},
        "timeout": config.max_run_duration_seconds,
        "shm_size": config.docker.shm_size or config.environment.docker.shm_size,
        "data_references": said["dataReferences"],
        "run_configuration": dict({key: said[key] for key in own}, target=target),
    }


def distribute(config: RunConfiguration, distribution: Any) -> None:
    """Take over an MpiConfiguration, PyTorchConfiguration or TensorflowConfiguration."""
    kinds = {"Python": "mpi", "PyTorch": "pytorch", "TensorFlow": "tensorflow"}
    name = kinds.get(getattr(distribution, "framework", ""))
    if name is None:
        raise UserErrorException(f"not a distribution: {distribution!r}")
    setattr(config, name, distribution)
    config.framework = distribution.framework
    config.communicator = distribution.communicator
    config.node_count = getattr(distribution, "node_count", 1)


def get_run_config_from_script_run(script_run_config: ScriptRunConfig) -> RunConfiguration:
    config: RunConfiguration = script_run_config.run_config
    return config


def _is_output(value: Any) -> bool:
    return bool(hasattr(value, "_is_output") and value._is_output())


def _is_token(word: str) -> bool:
    return word.startswith("$")
