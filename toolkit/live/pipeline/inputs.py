"""What a step is given, found on this machine: literals, data, and what other steps wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolkit.errors import NotFound, SpecError
from toolkit.live.inputs import check_kind
from toolkit.live.pipeline.digest import Digests
from toolkit.live.pipeline.fingerprint import literal_text
from toolkit.live.pipeline.outcome import Outcome
from toolkit.plans.pipeline.graph import FromStep, Given, GivenData, Step, StepInput
from toolkit.plans.run import ResolvedInput
from toolkit.specs.component import DATA_TYPES
from toolkit.specs.inputs import Input
from toolkit.workspace.data import DataLocator
from toolkit.workspace.model import AssetKind

_MODELS = frozenset({"mlflow_model", "custom_model", "triton_model"})


@dataclass(frozen=True)
class StepInputs:
    """Ready to be used, and what they contain, by name."""

    resolved: Mapping[str, ResolvedInput] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def step_inputs(
    step: Step, known: Mapping[str, Outcome], locator: DataLocator, digests: Digests
) -> StepInputs:
    """Raises SpecError or NotFound, naming file and line, for what is not there or does not fit."""
    resolved: dict[str, ResolvedInput] = {}
    told: dict[str, str] = {}
    job = step.command
    for name, declared in (job.inputs if job else {}).items():
        if name not in step.inputs:
            resolved[name] = ResolvedInput(name=name, type=declared.kind)
    for name, given in step.inputs.items():
        match given.source:
            case Given(value):
                resolved[name] = _literal(given, value)
                told[name] = literal_text(value)
            case GivenData():
                resolved[name] = located(step, given, given.source, locator)
                path = resolved[name].path
                assert path is not None  # noqa: S101  # data lies somewhere
                told[name] = digests.data(path)
            case FromStep(before, output):
                resolved[name], told[name] = _flowed(given, known[before], before, output)
            case _:
                raise given.place.error(f"input `{name}` is only known inside a loop")
    return StepInputs(resolved, told)


def _literal(given: StepInput, value: object) -> ResolvedInput:
    try:
        accepted = Input.model_validate({"type": given.type}).accept(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise given.place.error(f"input `{given.name}`: {error}") from error
    return ResolvedInput(name=given.name, type=given.type, value=accepted)


def located(step: Step, given: StepInput, source: GivenData, locator: DataLocator) -> ResolvedInput:
    """Data where it lies; raises SpecError, naming file and line."""
    kinds: tuple[AssetKind, ...] = (
        ("model", "data") if source.type in _MODELS else ("data", "model")
    )
    try:
        path = locator.locate(source.path, folder=source.folder, kinds=kinds)
        if step.command:
            check_kind(step.command, given.name, given.type, path)
    except (NotFound, SpecError) as error:
        problem = (
            error.message.partition(": ")[2]
            if error.message.startswith(str(given.place.path))
            else error.message
        )
        raise given.place.error(f"input `{given.name}`: {problem}", hint=error.hint) from error
    mode = given.mode or source.mode or "ro_mount"
    return ResolvedInput(name=given.name, type=given.type, path=path.resolve(), mode=mode)


def _flowed(given: StepInput, before: Outcome, name: str, output: str) -> tuple[ResolvedInput, str]:
    if output in before.values and given.type not in DATA_TYPES:
        value = before.values[output]
        return _literal(given, value), literal_text(value)
    if output not in before.outputs:
        raise given.place.error(f"step `{name}` left no output `{output}`")
    path = before.outputs[output]
    if not path.exists():  # of a file only the folder was made for it
        raise given.place.error(
            f"step `{name}` wrote nothing to its output `{output}`",
            hint=f"its command must write a file to `${{{{outputs.{output}}}}}`",
        )
    digest = before.digests.get(output, "")
    if given.type not in DATA_TYPES:
        return _literal(given, path.read_text("utf-8").strip()), digest
    mode = given.mode or "ro_mount"
    return ResolvedInput(name=given.name, type=given.type, path=path, mode=mode), digest
