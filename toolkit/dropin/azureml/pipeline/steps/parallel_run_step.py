"""`ParallelRunStep`: an entry script over the files of its inputs, in mini-batches."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from ...core.runconfig import RunConfiguration
from ...core.script_run_config import job_json
from ...exceptions import UserErrorException
from ..core.step import PipelineStep

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


class ParallelRunConfig:
    """How the entry script is called."""

    def __init__(
        self,
        environment: Any,
        entry_script: str,
        error_threshold: int,
        output_action: str,
        compute_target: Any = None,
        node_count: int = 1,
        process_count_per_node: Optional[int] = None,
        mini_batch_size: Any = None,
        source_directory: Optional[str] = None,
        description: Optional[str] = None,
        logging_level: str = "INFO",
        run_invocation_timeout: int = 60,
        run_max_try: int = 3,
        append_row_file_name: Optional[str] = None,
        allowed_failed_count: Optional[int] = None,
        allowed_failed_percent: Optional[float] = None,
        partition_keys: Any = None,
        environment_variables: Optional[Dict[str, str]] = None,
        **_kwargs: Any,
    ) -> None:
        if partition_keys:
            raise UserErrorException("partition_keys are not emulated: use mini_batch_size")
        if allowed_failed_count is not None or allowed_failed_percent is not None:
            raise UserErrorException(
                "allowed_failed_count and allowed_failed_percent are not emulated: "
                "use error_threshold, which counts failed files"
            )
        if output_action not in {"append_row", "summary_only"}:
            raise UserErrorException(
                f"output_action is append_row or summary_only: {output_action}"
            )
        self.environment = environment
        self.entry_script = entry_script
        self.error_threshold = error_threshold
        self.output_action = output_action
        self.compute_target = compute_target
        self.node_count = node_count
        self.process_count_per_node = process_count_per_node
        self.mini_batch_size = mini_batch_size
        self.source_directory = source_directory
        self.logging_level = logging_level
        self.run_invocation_timeout = run_invocation_timeout
        self.run_max_try = run_max_try
        self.append_row_file_name = append_row_file_name or "parallel_run_step.txt"
        self.environment_variables = dict(environment_variables or {})


class ParallelRunStep(PipelineStep):
    """Its first input is the one that is split."""

    def __init__(
        self,
        name: str,
        parallel_run_config: ParallelRunConfig,
        inputs: List[Any],
        output: Any = None,
        side_inputs: Optional[List[Any]] = None,
        arguments: Optional[List[Any]] = None,
        allow_reuse: bool = True,
    ) -> None:
        if not _NAME.fullmatch(name) or not 3 <= len(name) <= 32:  # noqa: PLR2004  # the SDK's rule
            raise UserErrorException(
                f"not a name for a ParallelRunStep: {name}; 3 to 32 of a-z, 0-9 and -"
            )
        if not inputs:
            raise UserErrorException("a ParallelRunStep needs an input")
        if len(inputs) > 1:
            raise UserErrorException("only one input can be split here; give others as side_inputs")
        if output is None and parallel_run_config.output_action == "append_row":
            raise UserErrorException("append_row needs an output")
        config = parallel_run_config
        super().__init__(
            name,
            [*inputs, *(side_inputs or [])],
            [output] if output is not None else [],
            arguments,
            allow_reuse,
            config.source_directory,
        )
        self._parallel = config

    def _job(self, default_folder: Optional[str]) -> Dict[str, Any]:
        given = self._parallel
        config = RunConfiguration()
        config.environment = given.environment
        config.environment_variables = given.environment_variables
        config.target = given.compute_target or "local"
        config.node_count = given.node_count
        job = job_json(config, self._folder(default_folder), script=None, command=None)
        return dict(
            job,
            parallel={
                "entry_script": given.entry_script,
                "error_threshold": given.error_threshold,
                "append_row": given.output_action == "append_row",
                "file_name": given.append_row_file_name,
                "processes": given.process_count_per_node or 1,
                "mini_batch_size": given.mini_batch_size,
                "logging_level": given.logging_level,
                "timeout": given.run_invocation_timeout,
                "tries": given.run_max_try,
            },
        )
