"""`Pipeline`: steps, checked and submitted."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ..._aml_emu.authoring import ask, place
from ..._aml_emu.missing import missing_member
from ...exceptions import UserErrorException
from .published import PublishedPipeline, values_of
from .run import PipelineRun
from .step import PipelineStep, flat


class Pipeline:
    """Lists in `steps` are for the reader: the order comes from data and `run_after`."""

    def __init__(
        self,
        workspace: Any,
        steps: Any,
        description: Optional[str] = None,
        default_datastore: Any = None,
        default_source_directory: Optional[str] = None,
        resolve_closure: bool = True,
        **_kwargs: Any,
    ) -> None:
        self._workspace = workspace
        self._description = description
        self._folder = default_source_directory
        try:
            given = list(flat([steps]))
        except TypeError as error:
            raise UserErrorException(f"not a step: {error}") from error
        self._steps = _closure(given) if resolve_closure else given
        self._place = place()

    def validate(self) -> List[Any]:
        """What is wrong with the graph; prints it as well."""
        found = self._ask("pipelines/checked", {"pipeline": self._wire()})
        for problem in found["problems"]:
            print(problem)
        return list(found["problems"])

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Optional[Mapping[str, Any]] = None,
        continue_on_step_failure: bool = False,
        regenerate_outputs: bool = False,
        **_kwargs: Any,
    ) -> PipelineRun:
        from ...core.experiment import Experiment

        return self._submit(
            Experiment(self._workspace, experiment_name),
            pipeline_parameters=pipeline_parameters,
            continue_on_step_failure=continue_on_step_failure,
            regenerate_outputs=regenerate_outputs,
        )

    def publish(
        self,
        name: Optional[str] = None,
        description: Optional[str] = None,
        version: Optional[str] = None,
        continue_on_step_failure: Optional[bool] = None,
    ) -> PublishedPipeline:
        """Keep it in the workspace, to be submitted by its id."""
        body = {
            "pipeline": self._wire(),
            "name": name or "pipeline",
            "description": description or self._description or "",
            "version": version or "",
            "continue_on_step_failure": bool(continue_on_step_failure),
        }
        return PublishedPipeline._of(self._workspace, self._ask("pipelines/published", body))

    def service_endpoint(self) -> str:
        raise missing_member(self, "service_endpoint", "publish it and submit that")

    @property
    def graph(self) -> Any:
        return self._wire()

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def _submit(
        self,
        experiment: Any,
        tags: Optional[Mapping[str, Any]] = None,
        pipeline_parameters: Optional[Mapping[str, Any]] = None,
        continue_on_step_failure: bool = False,
        regenerate_outputs: bool = False,
        **_kwargs: Any,
    ) -> PipelineRun:
        body = {
            "pipeline": self._wire(),
            "experiment": experiment.name,
            "tags": {str(key): str(value) for key, value in (tags or {}).items()},
            "values": values_of(pipeline_parameters),
            "continue_on_step_failure": bool(continue_on_step_failure),
            "regenerate_outputs": bool(regenerate_outputs),
        }
        found = self._ask("pipelines", body)
        return PipelineRun._begun(experiment, found)

    def _ask(self, path: str, body: Dict[str, Any]) -> Dict[str, Any]:
        return ask(self._workspace._link, "POST", path, body)

    def _wire(self) -> Dict[str, Any]:
        names = _names(self._steps)
        file, line = self._place
        parameters: Dict[str, Any] = {}
        for step in self._steps:
            parameters.update(step._wiring.parameters)
        return {
            "file": file,
            "line": line,
            "description": self._description or "",
            "parameters": parameters,
            "steps": [step._wire(self._folder, names) for step in self._steps],
        }


def _closure(steps: List[PipelineStep]) -> List[PipelineStep]:
    """With the steps that these need and that were left out."""
    found: List[PipelineStep] = []
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        if not any(step is each for each in found):
            found.append(step)
            waiting += step._before()
    return found


def _names(steps: List[PipelineStep]) -> Dict[int, str]:
    """Steps of the same name are numbered."""
    names: Dict[int, str] = {}
    for step in steps:
        name, number = step.name, 1
        while name in names.values():
            number += 1
            name = f"{step.name} ({number})"
        names[id(step)] = name
    return names
