"""What every step is, and the order of steps that no data gives."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, Optional, Sequence

from ..._aml_emu.authoring import place
from ..._aml_emu.wiring import Wiring
from ...exceptions import UserErrorException


class PipelineStep:
    """The classes of `azureml.pipeline.steps` are these."""

    def __init__(
        self,
        name: str,
        inputs: Optional[Sequence[Any]] = None,
        outputs: Optional[Sequence[Any]] = None,
        arguments: Optional[Sequence[Any]] = None,
        allow_reuse: bool = True,
        source_directory: Optional[str] = None,
    ) -> None:
        self.name = name
        self.allow_reuse = allow_reuse
        self.source_directory = source_directory
        self._place = place()
        self._after: List[PipelineStep] = []
        self._wiring = Wiring()
        self._wiring.add_inputs(inputs or ())
        self._wiring.add_outputs(outputs or ())
        self._wiring.add_arguments(arguments or ())
        for port in self._wiring.written:
            getattr(port, "_origin", port)._producer = self

    def run_after(self, step: PipelineStep) -> None:
        """Though no data flows from it."""
        self._after.append(step)

    def _before(self) -> Iterator[PipelineStep]:
        """The steps that must have ended first."""
        yield from self._after
        for found in self._wiring.inputs.values():
            producer = found["source"].source._producer if "source" in found else None
            if producer is not None:
                yield producer

    def _folder(self, default: Optional[str]) -> str:
        return os.path.abspath(self.source_directory or default or os.getcwd())

    def _wire(self, default_folder: Optional[str], names: Dict[int, str]) -> Dict[str, Any]:
        """`names` are those that steps have in this pipeline, by their identity."""
        file, line = self._place
        inputs = {}
        for name, found in self._wiring.inputs.items():
            told = {key: value for key, value in found.items() if key != "source"}
            if "source" in found:
                source = found["source"]
                producer = source.source._producer
                told["from"] = {
                    "step": None if producer is None else self._name_of(producer, names),
                    "output": source.output,
                }
            inputs[name] = told
        return {
            "name": names[id(self)],
            "file": file,
            "line": line,
            "allow_reuse": bool(self.allow_reuse),
            "after": [self._name_of(step, names) for step in self._after],
            "job": dict(
                self._job(default_folder),
                arguments=list(self._wiring.arguments),
                inputs=inputs,
                outputs=self._wiring.outputs,
            ),
        }

    def _name_of(self, step: PipelineStep, names: Dict[int, str]) -> str:
        if id(step) not in names:
            raise UserErrorException(
                f"step `{self.name}` comes after `{step.name}`, which is not in the pipeline: "
                "list it, or leave out `resolve_closure=False`"
            )
        return names[id(step)]

    def _job(self, default_folder: Optional[str]) -> Dict[str, Any]:
        raise NotImplementedError


class StepSequence:
    """Steps one after another."""

    def __init__(self, steps: Optional[Sequence[Any]] = None) -> None:
        self._steps: List[Any] = list(steps or [])
        for before, after in zip(self._steps, self._steps[1:]):
            for step in flat([after]):
                for earlier in flat([before]):
                    step.run_after(earlier)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def flat(steps: Any) -> Iterator[PipelineStep]:
    """Steps out of lists of lists and sequences."""
    for step in steps:
        if isinstance(step, PipelineStep):
            yield step
        else:
            yield from flat(step)
