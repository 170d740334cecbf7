"""From the steps that a v1 script made to the graph that the emulator walks. Runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

from toolkit.errors import SpecError
from toolkit.live.authoring.jobs import Origin, Shop, Told, direct_value, job_of
from toolkit.plans.pipeline.graph import (
    FromStep,
    Given,
    GivenData,
    Graph,
    ParallelWork,
    Place,
    Source,
    Step,
    StepInput,
    StepOutput,
    Work,
)
from toolkit.plans.pipeline.order import make_graph
from toolkit.specs.component import ParallelTask, RetrySettings
from toolkit.specs.job import CommandJob
from toolkit.specs.parallel import FILES_PER_BATCH, BatchSize, Parallel, batch_size
from toolkit.specs.yamlfile import YamlFile, nearest

_PARAMETER: Final = "parameter"


def graph_of(told: Told, values: Mapping[str, Any], shop: Shop) -> Graph:
    """Raises SpecError, with the line of the script, for what cannot be walked."""
    origin = Origin.of(told)
    chosen = _values(told.get("parameters") or {}, values, origin)
    if not told["steps"]:
        raise origin.error("a pipeline needs at least one step")
    steps = {step["name"]: _step(step, chosen, shop) for step in told["steps"]}
    for step in steps.values():
        _check_sources(step, steps)
    return make_graph(steps)


def _values(
    parameters: Mapping[str, Any], values: Mapping[str, Any], origin: Origin
) -> dict[str, Any]:
    for name in values:
        if name not in parameters:
            known = nearest(name, [*parameters]) if parameters else "it has none"
            raise origin.error(f"the pipeline has no parameter `{name}`", hint=known)
    return {**parameters, **values}


def _step(told: Told, values: Mapping[str, Any], shop: Shop) -> Step:
    origin = Origin.of(told)
    used = set(_used(told["job"]))
    job_told = _with_values(told["job"], values)
    job = job_of(job_told, origin, shop)
    variables = {f"AML_PARAMETER_{name}": text for name, text in _params(job_told).items()}
    variables |= {f"AZUREML_PARAMETER_{name}": str(values[name]) for name in sorted(used)}
    if version := job_told.get("version"):
        variables["AML_EMU_STEP_VERSION"] = str(version)  # part of what decides a reuse
    job = replace(job, environment_variables={**variables, **job.environment_variables})
    place = Place(origin.file, origin.line)
    return Step(
        name=told["name"],
        work=_work(job, job_told, origin),
        place=place,
        inputs=_inputs(job, job_told, place),
        outputs=_outputs(job),
        after=tuple(told.get("after") or ()),
        display_name=told["name"],
        is_deterministic=bool(told.get("allow_reuse", True)),
    )


def _inputs(job: CommandJob, told: Told, place: Place) -> dict[str, StepInput]:
    """As the job has them; what other steps write comes from there."""
    found = {}
    for name, declared in job.inputs.items():
        each = (told.get("inputs") or {}).get(name) or {}
        source: Source
        if before := each.get("from"):
            if before.get("step") is None:
                raise place.error(f"`{name}` is read, but no step writes it")
            source = FromStep(before["step"], before["output"])
        elif each.get("mode") == "direct":
            source = Given(direct_value(each))
        else:
            source = GivenData(declared.kind, declared.path or "", place.path.parent, declared.mode)
        found[name] = StepInput(
            name=name, type=declared.kind, source=source, place=place, mode=declared.mode
        )
    return found


def _outputs(job: CommandJob) -> dict[str, StepOutput]:
    return {
        name: StepOutput(name=name, type=output.type, path=output.path, register=output.name)
        for name, output in job.outputs.items()
    }


def _work(job: CommandJob, told: Told, origin: Origin) -> Work:
    if parallel := told.get("parallel"):
        return _parallel(job, parallel, told, origin)
    if told.get("command"):
        one = len(job.arguments) == 1  # a whole command, for a shell
        text = job.arguments[0] if one else _for_shell(job.arguments)
        return replace(job, command=text or job.command, arguments=())
    return job


def _for_shell(words: Sequence[str]) -> str:
    """Words as they are, but for those that become a path."""
    return " ".join(word if word.startswith("$") else shlex.quote(word) for word in words)


def _parallel(job: CommandJob, parallel: Told, told: Told, origin: Origin) -> ParallelWork:
    name = next(iter(told["inputs"]))
    script = PurePosixPath(parallel["entry_script"])
    if job.code is None or not (job.code / script).is_file():
        raise origin.error(f"entry script not found: {job.code}/{script}")
    written = next(iter(told.get("outputs") or {}), None)
    target = f"${{{{outputs.{written}}}}}/{parallel['file_name']}"
    task = ParallelTask.model_validate(
        {
            "type": "run_function",
            "entry_script": str(script),
            "program_arguments": _for_shell(job.arguments) or None,
            "append_row_to": target if parallel["append_row"] else None,
        }
    )
    tries = max(0, int(parallel["tries"]) - 1)
    outputs = {
        key: output.model_copy(update={"type": "uri_folder"}) for key, output in job.outputs.items()
    }
    return ParallelWork(
        parallel=Parallel(
            task=task,
            input=name,
            batch=_batch(parallel.get("mini_batch_size"), origin),
            concurrency=int(parallel["processes"]),
            error_threshold=int(parallel["error_threshold"]),
            retry=RetrySettings.model_validate(
                {"max_retries": tries, "timeout": int(parallel["timeout"])}
            ),
            logging_level=str(parallel["logging_level"]),
        ),
        body=replace(job, script=None, command="", arguments=(), outputs=outputs),
    )


def _batch(text: Any, origin: Origin) -> BatchSize:
    if text is None:
        return BatchSize(files=FILES_PER_BATCH)
    try:
        return batch_size(text, YamlFile(origin.file, None))
    except SpecError as error:
        raise origin.error(f"not a size of mini-batches: {text}", hint=error.hint) from error


def _check_sources(step: Step, steps: Mapping[str, Step]) -> None:
    for given in step.inputs.values():
        source = given.source
        if isinstance(source, FromStep) and source.output not in steps[source.step].outputs:
            raise given.place.error(
                f"step `{source.step}` has no output `{source.output}`",
                hint=nearest(source.output, [*steps[source.step].outputs]),
            )


def _params(told: Told) -> dict[str, str]:
    return {str(name): str(value) for name, value in (told.get("params") or {}).items()}


def _used(told: Any) -> Iterator[str]:
    """The parameters whose values are put in somewhere."""
    if isinstance(told, Mapping):
        if set(told) == {_PARAMETER}:
            yield str(told[_PARAMETER])
        for each in told.values():
            yield from _used(each)
    elif isinstance(told, list):
        for each in told:
            yield from _used(each)


def _with_values(told: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(told, Mapping):
        if set(told) == {_PARAMETER}:
            return str(values[told[_PARAMETER]])
        return {key: _with_values(each, values) for key, each in told.items()}
    if isinstance(told, list):
        return [_with_values(each, values) for each in told]
    return told
