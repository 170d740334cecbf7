"""A sweep's trial as a job of its own, and the values that it tries as inputs of that job."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from toolkit.live.sampling import Values
from toolkit.plans.pipeline.graph import SweepWork
from toolkit.plans.run import ResolvedInput
from toolkit.specs.inputs import Input, Output, type_of
from toolkit.specs.job import CommandJob

TRIAL: Final = "aml_emu.trial"  # the property of a run that holds its number


def trial_job(work: SweepWork) -> CommandJob:
    """What all trials have in common; names and places of outputs are for the best one only."""
    job = work.trial
    kinds = {name: Input(type=None) for name in work.keys.search_space}
    outputs = {
        name: Output.model_validate({"type": found.type, "mode": found.mode})
        for name, found in job.outputs.items()
    }
    return replace(
        job,
        command=(job.command or "")
        .replace("${{search_space.", "${{inputs.")
        .replace("${{ search_space.", "${{ inputs."),
        inputs={**kinds, **job.inputs},
        outputs=outputs,
        timeout=work.keys.limits.trial_timeout or job.timeout,
    )


def tried(values: Values) -> dict[str, ResolvedInput]:
    return {
        name: ResolvedInput(name=name, type=type_of(value), value=value)
        for name, value in values.items()
    }
