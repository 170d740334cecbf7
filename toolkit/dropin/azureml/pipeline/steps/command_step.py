"""`CommandStep`: a command for a shell."""

from __future__ import annotations

from typing import Any, List, Optional

from .python_script_step import PythonScriptStep


class CommandStep(PythonScriptStep):
    """The words of a list are its arguments; data among them becomes paths."""

    def __init__(
        self,
        command: Any = None,
        name: Optional[str] = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Any = None,
        inputs: Optional[List[Any]] = None,
        outputs: Optional[List[Any]] = None,
        params: Any = None,
        source_directory: Optional[str] = None,
        allow_reuse: bool = True,
        version: Optional[str] = None,
    ) -> None:
        words = command if isinstance(command, list) else [command]
        super().__init__(
            "",
            name or "command",
            words,
            compute_target,
            runconfig,
            runconfig_pipeline_params,
            inputs,
            outputs,
            params,
            source_directory,
            allow_reuse,
            version,
        )
        self._script = None
        self._command = "words"  # the arguments are it; see the emulator's side
