"""A loop: its body walked again, with its own outputs as inputs, while the condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from toolkit.errors import EmuError
from toolkit.live.pipeline.outcome import GOOD, Outcome, StepChanged, StepNote
from toolkit.live.pipeline.step import Steps
from toolkit.live.pipeline.walk import Walk, is_true
from toolkit.plans.pipeline.choice import iteration
from toolkit.plans.pipeline.graph import FromStep, Given, GivenData, LoopWork, Source, Step
from toolkit.specs.component import DATA_TYPES


def perform_loop(steps: Steps, step: Step, known: Mapping[str, Outcome]) -> Outcome:
    """The outcome of the last iteration."""
    work = step.work
    assert isinstance(work, LoopWork)  # noqa: S101  # the caller looked
    values = _entry(step, known)
    steps.context.on_step(StepChanged(step=step.name, state="running"))
    for number in range(1, work.limit + 1):
        prefix = f"{step.name}[{number}]"
        steps.context.on_step(StepNote(step=step.name, text=f"iteration {number}"))
        outcome = _iterate(steps, work, prefix, values)
        if outcome.state not in GOOD:
            return outcome
        if not _goes_on(step, work, outcome):
            break
        values = {**values, **_mapped(step, work, outcome)}
    return replace(outcome, state="completed", why=f"{number} iterations")


def _iterate(steps: Steps, work: LoopWork, prefix: str, values: Mapping[str, Source]) -> Outcome:
    body = iteration(work.body, prefix, values)
    walk = Walk(
        body,
        steps.perform,
        max_parallel=steps.context.max_parallel,
        on_step=steps.context.on_step,
        cancel=lambda: None,
    )
    stopper = _Stopper(walk)
    steps.watch(stopper)
    try:
        outcomes = walk.run()
    finally:
        steps.forget(stopper)
    for name, outcome in outcomes.items():
        if outcome.state not in GOOD:
            return replace(outcome, why=f"`{name}`: {outcome.why}")
    found = {name: (outcomes[port.step], port.output) for name, port in body.outputs.items()}
    return Outcome(
        state="completed",
        run=next((outcome.run for outcome, _ in found.values()), ""),
        outputs={n: o.outputs[port] for n, (o, port) in found.items() if port in o.outputs},
        values={n: o.values[port] for n, (o, port) in found.items() if port in o.values},
        digests={n: o.digests.get(port, "") for n, (o, port) in found.items()},
    )


class _Stopper:
    """Lets the outer walk's end be the inner one's."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def cancel(self) -> None:
        self._walk.stop()


def _entry(step: Step, known: Mapping[str, Outcome]) -> dict[str, Source]:
    """What the body is given at first: what flows in from outside, as paths and values."""
    found: dict[str, Source] = {}
    for name, given in step.inputs.items():
        source = given.source
        if isinstance(source, FromStep):
            source = _carried(step, name, given.type, known[source.step], source.output)
        found[name] = source
    return found


def _carried(step: Step, name: str, kind: str, outcome: Outcome, output: str) -> Source:
    if output in outcome.values and kind not in DATA_TYPES:
        return Given(outcome.values[output])
    if output not in outcome.outputs:
        raise step.place.error(f"input `{name}` of `{step.name}` was not written: {output}")
    return GivenData(kind, str(outcome.outputs[output]), Path("/"))


def _mapped(step: Step, work: LoopWork, outcome: Outcome) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for output, names in work.mapping.items():
        for name in names:
            found[name] = _carried(step, name, step.inputs[name].type, outcome, output)
    return found


def _goes_on(step: Step, work: LoopWork, outcome: Outcome) -> bool:
    if work.condition not in outcome.values:
        error: EmuError = step.place.error(
            f"`{step.name}` gave no value to its output `{work.condition}`",
            hint="the loop asks for it: write `true` or `false` to the output's file",
        )
        raise error
    return is_true(outcome.values[work.condition])
