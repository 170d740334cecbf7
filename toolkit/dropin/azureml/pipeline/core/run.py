"""`PipelineRun` and `StepRun`: a pipeline under way, and each of its steps."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set

from ..._aml_emu.authoring import ask
from ..._aml_emu.awaited import TERMINAL, follow_run
from ..._aml_emu.missing import missing_member
from ..._aml_emu.operation import follow
from ...core.run import Run
from ...exceptions import (
    ActivityFailedException,
    ExperimentExecutionException,
    UserErrorException,
)

_INTERVAL = 0.2
_NOT_LOGGED = "a pipeline's run logs nothing, its steps do"
_NOT_LOGGED_HERE = "a step logs from its own script, with Run.get_context()"


class PipelineRun(Run):
    """The run of a whole pipeline."""

    @classmethod
    def _begun(cls, experiment: Any, started: Mapping[str, Any]) -> PipelineRun:
        link = experiment.workspace._link
        found = follow(link, started["operation"], True, ExperimentExecutionException)
        run = cls(experiment, found["run"])
        print(f"Submitted PipelineRun {run.id}")
        print(f"Link to Azure Machine Learning Portal: {run.get_portal_url()}")
        return run

    @staticmethod
    def get(workspace: Any, run_id: str) -> PipelineRun:
        found = Run.get(workspace, run_id)
        return PipelineRun(found.experiment, run_id)

    def get_steps(self) -> Iterator[StepRun]:
        """Those that have begun."""
        answer = self._link.call("GET", self._at("children"))
        for found in answer["runs"]:
            yield StepRun(self.experiment, found["id"], _details=found)

    def get_children(self, *args: Any, **kwargs: Any) -> Iterator[Run]:
        for run in super().get_children(*args, **kwargs):
            yield StepRun(self.experiment, run.id, _details=run._known)

    def find_step_run(self, name: str) -> List[StepRun]:
        return [step for step in self.get_steps() if step.name == name]

    def get_pipeline_output(self, pipeline_output_name: str) -> PortData:
        """An output of any step by its name."""
        for step in self.get_steps():
            if pipeline_output_name in step._output_names():
                return step.get_output_data(pipeline_output_name)
        raise UserErrorException(f"no step has an output of this name: {pipeline_output_name}")

    def wait_for_completion(  # type: ignore[override]  # the SDK's own differ
        self,
        show_output: bool = True,
        timeout_seconds: float = float("inf"),
        raise_on_error: bool = True,
        **_kwargs: Any,
    ) -> str:
        """Shows each step's log as it begins; the pipeline's last status."""
        if show_output:
            print(f"PipelineRunId: {self.id}")
            print(f"Link to Azure Machine Learning Portal: {self.get_portal_url()}")
        until = time.monotonic() + timeout_seconds
        shown: Set[str] = set()
        last = ""
        while True:
            status = self.get_status()
            if show_output and status != last:
                print(f"PipelineRun Status: {status}")
                last = status
            new = [step for step in self.get_steps() if step.id not in shown]
            for step in reversed(new):  # newest first, as they come
                shown.add(step.id)
                if show_output:
                    step._show()
            if status in TERMINAL and not new:
                break
            if time.monotonic() >= until:
                raise UserErrorException(f"the pipeline has not ended in {timeout_seconds} s")
            time.sleep(_INTERVAL)
        return self._told(status, show_output=show_output, raise_on_error=raise_on_error)

    def _told(self, status: str, *, show_output: bool, raise_on_error: bool) -> str:
        if show_output:
            print("\n\nPipelineRun Execution Summary\n==============================")
            print(f"PipelineRun Status: {status}")
            print(self.get_details())
        if status == "Failed" and raise_on_error:
            error = self._fresh()["error"] or {}
            raise ActivityFailedException(error.get("message") or "the pipeline failed")
        return status

    def publish_pipeline(self, *_args: Any, **_kwargs: Any) -> Any:
        raise missing_member(self, "publish_pipeline", "publish the Pipeline itself")

    def get_graph(self, *_args: Any, **_kwargs: Any) -> Any:
        raise missing_member(self, "get_graph", "see `aml-emu runs show`")

    def log(self, *_args: Any, **_kwargs: Any) -> None:
        raise UserErrorException(_NOT_LOGGED)

    log_list = log_row = log_table = log_image = child_run = complete = fail = log  # type: ignore[assignment]  # refused


class StepRun(Run):
    """The run of one step."""

    def log(self, *_args: Any, **_kwargs: Any) -> None:
        raise UserErrorException(_NOT_LOGGED_HERE)

    log_list = log_row = log_table = log_image = child_run = complete = fail = log  # type: ignore[assignment]  # refused

    def get_outputs(self) -> Dict[str, StepRunOutput]:
        return {name: StepRunOutput(self, name) for name in self._output_names()}

    def get_output(self, name: str) -> StepRunOutput:
        self._check(name)
        return StepRunOutput(self, name)

    def get_output_data(self, name: str) -> PortData:
        self._check(name)
        return PortData(self, name)

    def get_job_log(self, print_to_console: bool = True) -> str:
        """What the step's script has said."""
        texts = self.get_details_with_logs()["logFiles"]
        text = "".join(text for name, text in texts.items() if "70_driver_log" in name)
        if print_to_console:
            print(text)
        return text

    get_stdout_log = get_job_log

    def get_stderr_log(self, print_to_console: bool = True) -> str:
        """Both are one log here."""
        return self.get_job_log(print_to_console)

    def _show(self) -> None:
        print(f"\n\n\nStepRunId: {self.id}")
        print(f"Link to Azure Machine Learning Portal: {self.get_portal_url()}")
        print(f"StepRun( {self.name} ) Status: {self.get_status()}")
        follow_run(self._link, self.id, show_output=True)
        heading = f"StepRun({self.name}) Execution Summary"
        print(f"\n{heading}\n{'=' * len(heading)}")
        print(f"StepRun( {self.name} ) Status: {self.get_status()}")
        print(self.get_details())

    def _output_names(self) -> List[str]:
        return list(ask(self._link, "GET", f"runs/{self.id}/outputs")["outputs"])

    def _check(self, name: str) -> None:
        names = self._output_names()
        if name not in names:
            raise UserErrorException(
                f"the step has no output {name}; there is: {', '.join(names) or 'none'}"
            )


class StepRunOutput:
    """One output of a step."""

    def __init__(self, step_run: StepRun, name: str) -> None:
        self._step = step_run
        self.name = name

    def get_port_data_reference(self) -> PortData:
        return PortData(self._step, self.name)


class PortData:
    """What lies in an output."""

    def __init__(self, step_run: StepRun, name: str) -> None:
        self._step = step_run
        self.name = name
        self.path_on_datastore = f"azureml/{step_run.id}/{name}"

    def download(
        self, local_path: str, overwrite: Optional[bool] = None, show_progress: Any = None
    ) -> int:
        """Under a folder, at its path on the datastore; how many files."""
        body = {
            "output": self.name,
            "target": os.path.abspath(os.path.join(local_path, *self.path_on_datastore.split("/"))),
            "overwrite": bool(overwrite),
        }
        found = ask(self._step._link, "POST", f"runs/{self._step.id}/outputs", body)
        return int(found["files"])
