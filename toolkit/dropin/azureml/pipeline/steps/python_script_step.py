"""`PythonScriptStep`: a script of a folder."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ...core.runconfig import RunConfiguration
from ...core.script_run_config import job_json
from ..core.step import PipelineStep


class PythonScriptStep(PipelineStep):
    """Runs as a run of its own, as `aml-emu run script.py` would."""

    def __init__(
        self,
        script_name: str,
        name: Optional[str] = None,
        arguments: Optional[List[Any]] = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Any = None,
        inputs: Optional[List[Any]] = None,
        outputs: Optional[List[Any]] = None,
        params: Optional[Dict[str, Any]] = None,
        source_directory: Optional[str] = None,
        allow_reuse: bool = True,
        version: Optional[str] = None,
        hash_paths: Any = None,
        **_kwargs: Any,
    ) -> None:
        super().__init__(
            name or script_name, inputs, outputs, arguments, allow_reuse, source_directory
        )
        self._script: Optional[str] = script_name
        self._command: Optional[str] = None
        self._config = step_configuration(runconfig, compute_target)
        self._params: Dict[str, Any] = {}
        self._version = version
        for key, value in {**(params or {}), **(runconfig_pipeline_params or {})}.items():
            is_parameter = hasattr(value, "default_value")
            if is_parameter:
                self._wiring.add_parameter(value)
            self._params[key] = {"parameter": value.name} if is_parameter else str(value)

    def _job(self, default_folder: Optional[str]) -> Dict[str, Any]:
        job = job_json(
            self._config,
            self._folder(default_folder),
            script=self._script,
            command=self._command,
        )
        return dict(job, params=self._params, version=self._version)


def step_configuration(runconfig: Any, compute_target: Any) -> RunConfiguration:
    """The script's own is not changed: several steps may share it."""
    config = RunConfiguration()
    if runconfig is not None:
        vars(config).update(vars(runconfig))
    if compute_target is not None:
        config.target = compute_target
    return config
