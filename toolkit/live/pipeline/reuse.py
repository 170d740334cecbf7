"""Results of earlier steps: kept under what decided them, and taken again while they are whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from toolkit.errors import NotFound
from toolkit.live.pipeline.digest import of_output, signature_of
from toolkit.live.pipeline.outcome import Outcome
from toolkit.plans.pipeline.graph import Step
from toolkit.workspace.model import NewRun, Run
from toolkit.workspace.workspace import Workspace

BY_FINGERPRINT: Final = "step-result"
BY_NAME: Final = "step-last"  # the last good result of a step, whatever decided it
STEP: Final = "aml_emu.step"
PIPELINE: Final = "aml_emu.pipeline"
FINGERPRINT: Final = "aml_emu.fingerprint"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished step left: its outputs, what is in them, and how they looked then."""

    run: str
    pipeline_run: str
    outputs: Mapping[str, str]
    values: Mapping[str, str]
    digests: Mapping[str, str]
    signatures: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed or deleted since."""
        try:
            return all(
                Path(path).exists() and signature_of(Path(path)) == self.signatures[name]
                for name, path in self.outputs.items()
            )
        except OSError:  # nobody may look there any more
            return False


class Results:
    """Keeps and finds results in the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def keep(self, fingerprint: str, name: str, outcome: Outcome, pipeline_run: str) -> Outcome:
        """Remember a good outcome; the same with the digests of its outputs."""
        signatures, digests = {}, {}
        for output, path in outcome.outputs.items():
            signatures[output], digests[output] = of_output(path)
        body = {
            "run": outcome.run,
            "pipeline_run": pipeline_run,
            "outputs": {output: str(path) for output, path in outcome.outputs.items()},
            "values": dict(outcome.values),
            "digests": digests,
            "signatures": signatures,
        }
        self._workspace.documents.put(BY_FINGERPRINT, fingerprint, body)
        self._workspace.documents.put(BY_NAME, name, body)
        return replace(outcome, digests=digests)

    def equal(self, fingerprint: str) -> Result | None:
        """A result of the same definition, code and inputs, if it is still whole."""
        return self._found(BY_FINGERPRINT, fingerprint)

    def last(self, name: str) -> Result | None:
        """The last result of that step of that pipeline, if it is still whole."""
        return self._found(BY_NAME, name)

    def _found(self, kind: str, key: str) -> Result | None:
        body: Mapping[str, Any] | None = self._workspace.documents.find(kind, key)
        if body is None:
            return None
        result = Result(**body)
        try:
            run = self._workspace.runs.get(result.run)
        except NotFound:
            return None
        return result if run.status == "Completed" and result.is_whole else None


def take_again(
    workspace: Workspace, step: Step, result: Result, parent: Run, *, properties: Mapping[str, str]
) -> Outcome:
    """A run of its own for the reused step, as the service shows it."""
    outputs = {name: Path(path) for name, path in result.outputs.items()}
    run = workspace.runs.create(
        NewRun(
            experiment=parent.experiment,
            kind="step",
            naming="v2",
            display_name=step.display_name or step.name,
            parent=parent.name,
            engine=parent.engine,
            status="Running",
            owner=parent.owner,
            properties={
                **properties,
                "azureml.isreused": "true",
                "azureml.reusedrunid": result.run,
                "azureml.reusedpipelinerunid": result.pipeline_run,
            },
        )
    )
    workspace.runs.advance(run.name, "Completed", outputs=outputs, exit_code=0)
    return Outcome(
        state="reused",
        run=run.name,
        outputs=outputs,
        values=dict(result.values),
        digests=dict(result.digests),
        why=f"same definition, code and inputs as {result.run}",
    )
