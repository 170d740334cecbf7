"""From a pipeline file to its graph. Reads files, runs nothing; this is where to begin reading.

`load_pipeline` checks the file's own keys; `read_scope` reads every node and component, down to
the innermost; `Connector` follows each binding to the step or value it means; `make_graph` puts
the steps in order. Whatever is wrong is a SpecError that names file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.plans.pipeline.connect import Connected, Connector, Target
from toolkit.plans.pipeline.graph import FromStep, Given, GivenData, Pipeline, Place
from toolkit.plans.pipeline.order import make_graph
from toolkit.plans.pipeline.ports import checked, literal
from toolkit.plans.pipeline.scope import (
    FindComponent,
    Library,
    NodeSource,
    Scope,
    check_outputs,
    read_scope,
)
from toolkit.specs.component import ComponentInput, PipelineComponent
from toolkit.specs.environment import Environment
from toolkit.specs.inputs import ASSET_TYPES, Value, type_of
from toolkit.specs.pipeline import (
    DataValue,
    OutputValue,
    PipelineJob,
    PortValue,
    SweepNode,
    load_pipeline,
    node_of,
)
from toolkit.specs.yamlfile import YamlFile, load_yaml, nearest

Declared = Mapping[str, ComponentInput] | None


def plan_pipeline(
    file: YamlFile | Path,
    *,
    overrides: Mapping[str, str] | None = None,
    environment: Environment | str | None = None,
    find_component: FindComponent | None = None,
) -> Pipeline:
    """The graph of a pipeline job.

    `overrides` are values for its inputs; `environment` is for steps that name none;
    `find_component` gives the file of a registered component.
    """
    if isinstance(file, Path):
        file = load_yaml(file, what="pipeline file")
    job = load_pipeline(file)
    library = Library(find_component)
    scope, declared = _scope(job, file, library)
    values = {
        name: _input(file, name, value, declared, overrides or {})
        for name, value in _inputs(job, declared, overrides or {}, file).items()
    }
    targets = _targets(job, file, scope)
    connector = Connector(library, environment, datastore=job.settings.default_datastore)
    steps = connector.steps(scope, values, targets)
    return Pipeline(
        graph=make_graph(steps, _outputs(scope)),
        path=file.path,
        name=job.name,
        display_name=job.display_name or job.name or "",
        description=job.description or "",
        experiment=job.experiment_name or "",
        tags={key: str(value) for key, value in job.tags.items()},
        force_rerun=job.settings.force_rerun,
        continue_on_failure=bool(job.settings.continue_on_step_failure),
        inputs={name: _shown(found) for name, found in values.items() if found},
        notes=tuple(_notes(job)),
    )


def plan_sweep(
    file: YamlFile | Path,
    *,
    overrides: Mapping[str, str] | None = None,
    environment: Environment | str | None = None,
) -> Pipeline:
    """A sweep job on its own: a pipeline of that one step."""
    if isinstance(file, Path):
        file = load_yaml(file, what="sweep file")
    library = Library()
    node = node_of(file)
    if not isinstance(node, SweepNode):
        raise file.error(("type",), f"not a sweep job: {node.type}")
    check_outputs(node, file)
    for name, text in (overrides or {}).items():
        if name not in node.inputs:
            hint = nearest(name, [*node.inputs]) if node.inputs else "it has none"
            raise file.error(("inputs",), f"the sweep has no input `{name}`", hint=hint)
        node.inputs[name] = _given_to_sweep(node.inputs[name], text)
    name = file.path.stem
    source = NodeSource(name, node, file, library.part(file, "trial"))
    scope = Scope(name="", file=file, declared=None, outputs=(), nodes={name: source})
    steps = Connector(library, environment).steps(scope, {}, {})
    return Pipeline(
        graph=make_graph(steps, {port: FromStep(name, port) for port in source.outputs}),
        path=file.path,
        name=node.name,
        display_name=node.display_name or "",
        description=node.description or "",
        experiment=node.experiment_name or "",
        tags={key: str(value) for key, value in node.tags.items()},
        inputs={key: str(value) for key, value in node.inputs.items()},
    )


def _given_to_sweep(before: PortValue, text: str) -> PortValue:
    """A value from the command line in place of what the file says: its path, or its value."""
    if not isinstance(before, dict):
        return text
    if "path" in before or before.get("type") in ASSET_TYPES:
        return {**before, "path": text}
    return {**before, "value": text}


def _scope(job: PipelineJob, file: YamlFile, library: Library) -> tuple[Scope, Declared]:
    if job.component is None:
        made = read_scope(
            "", file, library, declared=None, outputs=tuple(job.outputs), inside=(file.path,)
        )
        return made, None
    part = library.part(file, "component")
    if not isinstance(part.component, PipelineComponent):
        raise file.error(
            ("component",), f"this component is no pipeline but a `{part.component.type}`"
        )
    declared = part.component.inputs
    outputs = tuple(part.component.outputs)
    made = read_scope(
        "", part.file, library, declared=declared, outputs=outputs, inside=(part.file.path,)
    )
    return made, declared


def _inputs(
    job: PipelineJob, declared: Declared, overrides: Mapping[str, str], file: YamlFile
) -> dict[str, Any]:
    known = {**dict.fromkeys(declared or {}), **job.inputs}
    for name in overrides:
        if name not in known:
            hint = nearest(name, [*known]) if known else "it has none"
            raise file.error(("inputs",), f"the pipeline has no input `{name}`", hint=hint)
    if declared is not None:
        for name in job.inputs:
            if name not in declared:
                raise file.error(
                    ("inputs", name),
                    f"the component has no input `{name}`",
                    hint=nearest(name, [*declared]) if declared else "it has none",
                )
    return known


def _input(
    file: YamlFile,
    name: str,
    value: Any,
    declared: Declared,
    overrides: Mapping[str, str],
) -> Connected | None:
    place = Place(file.path, file.line(("inputs", name)))
    wanted = declared.get(name) if declared is not None else None
    if isinstance(value, dict) and wanted is None and value.get("path") is None:
        wanted = _declaration(value, place)
        value = value.get("value")
    if name in overrides:
        return _overridden(name, overrides[name], value, wanted, place)
    if value is None:
        if wanted is not None and wanted.default is not None:
            value = wanted.default
        elif wanted is not None and wanted.optional:
            return None
        else:
            raise place.error(
                f"input `{name}` of the pipeline has no value",
                hint=f"write one, or pass `--set inputs.{name}=VALUE`",
            )
    if isinstance(value, dict):
        data = checked(DataValue, value, place)
        kind = data.type or (wanted.type if wanted else "uri_folder")
        return Connected(
            GivenData(kind, data.path or "", place.path.parent, data.mode), kind, data.mode
        )
    return _literal(name, value, wanted, place)


def _declaration(value: dict[str, Any], place: Place) -> ComponentInput:
    data = checked(DataValue, value, place)
    given = data.value if data.value is not None else data.default
    kind = data.type or (type_of(given) if given is not None else "uri_folder")
    return ComponentInput.model_validate(
        {
            "type": kind,
            "default": data.default,
            "optional": bool(data.optional),
            "enum": data.enum,
            "min": data.min,
            "max": data.max,
        }
    )


def _overridden(
    name: str, text: str, value: Any, wanted: ComponentInput | None, place: Place
) -> Connected:
    """A value from the command line: of the type that was written or declared before."""
    if wanted is None and isinstance(value, dict):
        kind = str(value.get("type") or "uri_folder")
        return Connected(GivenData(kind, text, place.path.parent, value.get("mode")), kind)
    if wanted is None and value is not None:
        wanted = ComponentInput.model_validate({"type": type_of(value)})
    if wanted is not None and wanted.is_data:
        return Connected(GivenData(wanted.type, text, place.path.parent, wanted.mode), wanted.type)
    return _literal(name, text, wanted, place)


def _literal(name: str, value: Value, wanted: ComponentInput | None, place: Place) -> Connected:
    if wanted is not None and wanted.is_data:
        return Connected(
            GivenData(wanted.type, str(value), place.path.parent, wanted.mode), wanted.type
        )
    if wanted is not None:
        value = literal(value, wanted, name, place)
    return Connected(Given(value), wanted.type if wanted else type_of(value))


def _targets(job: PipelineJob, file: YamlFile, scope: Scope) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for name, value in job.outputs.items():
        place = Place(file.path, file.line(("outputs", name)))
        if name not in scope.outputs:
            raise place.error(
                f"the component has no output `{name}`", hint=nearest(name, scope.outputs)
            )
        if isinstance(value, dict | str):
            written = value if isinstance(value, dict) else {"type": value}
            data = checked(OutputValue, written, place)
            found[name] = {
                key: said
                for key in ("type", "path", "mode", "name", "version")
                if (said := getattr(data, key)) is not None
            }
    return found


def _outputs(scope: Scope) -> dict[str, FromStep]:
    found = {name: scope.producer(name) for name in scope.outputs}
    return {name: step for name, step in found.items() if step is not None}


def _shown(found: Connected) -> str:
    match found.source:
        case Given(value):
            return str(value)
        case GivenData(path=path):
            return path
        case _:
            raise AssertionError(found.source)  # a pipeline's own inputs come from nowhere else


def _notes(job: PipelineJob) -> list[str]:
    notes = []
    if job.settings.continue_on_step_failure is None:
        notes.append(
            "`settings.continue_on_step_failure` is not said: the first failing step ends the rest"
        )
    return notes
