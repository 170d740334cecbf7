"""From scopes to steps: every binding followed to what it means, nested pipelines laid open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.plans.output_path import with_datastore
from toolkit.plans.pipeline.bindings import Reference, references, replaced, whole
from toolkit.plans.pipeline.graph import (
    FromInput,
    FromStep,
    Given,
    GivenData,
    Place,
    Source,
    Step,
    StepInput,
    StepOutput,
)
from toolkit.plans.pipeline.ports import checked, flows_into, literal
from toolkit.plans.pipeline.scope import Library, NodeSource, Scope, bound_output
from toolkit.plans.pipeline.work import command_work, parallel_work, sweep_work
from toolkit.specs.component import DATA_TYPES, ComponentInput
from toolkit.specs.environment import Environment
from toolkit.specs.inputs import type_of
from toolkit.specs.pipeline import DataValue, DoWhileNode, IfElseNode, ParallelNode, SweepNode
from toolkit.specs.yamlfile import nearest

Target = Mapping[str, Any]  # what is said of an output from outside: path, mode, name, version


class Connected:
    """A source with the type of what comes from it."""

    __slots__ = ("mode", "source", "type")

    def __init__(self, source: Source, type_: str, mode: str | None = None) -> None:
        self.source = source
        self.type = type_
        self.mode = mode


Values = Mapping[str, Connected | None]  # None: declared, optional, and not given


class Connector:
    """Makes the steps of one scope and of those inside it."""

    def __init__(
        self,
        library: Library,
        environment: Environment | str | None = None,
        *,
        datastore: str | None = None,
    ) -> None:
        self._library = library
        self._environment = environment
        self._datastore = datastore

    def steps(self, scope: Scope, values: Values, targets: Mapping[str, Target]) -> dict[str, Step]:
        """The steps by scoped name. `values` are the scope's inputs, `targets` its outputs."""
        from toolkit.plans.pipeline.control import bodies, gated  # noqa: PLC0415  # they walk back

        scope.check_outputs()
        made: dict[str, Step] = {}
        inside_loops = bodies(scope)
        for name, node in scope.nodes.items():
            if isinstance(node.node, IfElseNode | DoWhileNode) or name in inside_loops:
                continue
            made |= self.node_steps(scope, node, values, targets)
        for loop in inside_loops.values():
            step = loop(self, values)
            made[step.name] = step
        return gated(self, scope, values, made)

    def node_steps(
        self, scope: Scope, node: NodeSource, values: Values, targets: Mapping[str, Target]
    ) -> dict[str, Step]:
        given = self.inputs(scope, node, values)
        if node.child is not None:
            outer = {name: self._target(node, name, targets) for name in node.child.outputs}
            inner: dict[str, Connected | None] = dict.fromkeys(node.child.declared or {})
            for name, found in given.items():
                inner[name] = Connected(found.source, found.type, found.mode)
            return self.steps(node.child, inner, outer)
        outputs = {name: self._output(node, name, targets) for name in node.outputs}
        step = self._step(scope, node, given, outputs)
        return {step.name: step}

    def inputs(self, scope: Scope, node: NodeSource, values: Values) -> dict[str, StepInput]:
        """What the node is given, checked against what it declares."""
        assert not isinstance(node.node, IfElseNode | DoWhileNode)  # noqa: S101  # they have none
        declared = node.inputs
        found: dict[str, StepInput] = {}
        for name, value in node.node.inputs.items():
            place = node.place_of("inputs", name)
            if declared is not None and name not in declared:
                hint = nearest(name, [*declared]) if declared else "it takes no inputs"
                raise place.error(f"step `{node.name}` has no input `{name}`", hint=hint)
            wanted = declared[name] if declared is not None else None
            connected = self._value(scope, value, values, wanted, place)
            if connected is not None:
                found[name] = _accepted(node, name, connected, wanted, place)
        searched = node.node.search_space if isinstance(node.node, SweepNode) else {}
        for name, port in (declared or {}).items():
            if name in found or name in searched:
                continue
            if port.default is not None:
                value = literal(port.default, port, name, node.place)
                found[name] = StepInput(
                    name=name, type=port.type, source=Given(value), place=node.place
                )
            elif port.is_required:
                raise node.place_of("inputs").error(
                    f"step `{node.name}` is not given its input `{name}`",
                    hint=f"add `{name}:` to its `inputs`",
                )
        return found

    def reference(
        self, scope: Scope, reference: Reference, values: Values, place: Place
    ) -> Connected | None:
        """What a binding means in this scope; None for an optional input that is not given."""
        if reference.kind == "input":
            if reference.name not in values:
                hint = nearest(reference.name, [*values]) if values else "it has none"
                raise place.error(f"the pipeline has no input `{reference.name}`", hint=hint)
            return values[reference.name]
        if reference.kind == "output":
            step = scope.producer(reference.name)
            if step is None:
                hint = nearest(reference.name, scope.outputs) if scope.outputs else "it has none"
                raise place.error(
                    f"output `{reference.name}` of the pipeline is written by no step", hint=hint
                )
            node, port = scope.writer(reference.name)
            return Connected(step, scope.nodes[node].outputs[port].type)
        if reference.output is None:
            raise place.error(
                f"a step is not a value: `{reference.name}`",
                hint=f"name one of its outputs: `${{{{parent.jobs.{reference.name}.outputs.X}}}}`",
            )
        source, output = scope.output_of(reference.name, reference.output, place)
        return Connected(source, output.type)

    def _value(
        self,
        scope: Scope,
        value: Any,
        values: Values,
        wanted: ComponentInput | None,
        place: Place,
    ) -> Connected | None:
        if isinstance(value, dict):
            return self._data(scope, value, values, wanted, place)
        if value is None:
            return None
        if not isinstance(value, str):
            return Connected(Given(value), type_of(value))
        reference = whole(value, place)
        if reference is not None:
            return self.reference(scope, reference, values, place)
        text, folder = self._filled(scope, value, values, place)
        if wanted is not None and wanted.is_data:
            folder = folder or place.path.parent
            return Connected(GivenData(wanted.type, text, folder), wanted.type)
        return Connected(Given(text), "string")

    def _data(
        self,
        scope: Scope,
        value: dict[str, Any],
        values: Values,
        wanted: ComponentInput | None,
        place: Place,
    ) -> Connected | None:
        data = checked(DataValue, value, place)
        if data.value is not None:
            return _given(data, place)
        if data.path is None:
            raise place.error("an input needs a `path`, a `value`, or a binding")
        reference = whole(data.path, place)
        if reference is not None:
            found = self.reference(scope, reference, values, place)
            if found is None:
                return None
            return Connected(found.source, data.type or found.type, data.mode or found.mode)
        text, folder = self._filled(scope, data.path, values, place)
        kind = data.type or (wanted.type if wanted else "uri_folder")
        folder = folder or place.path.parent
        return Connected(GivenData(kind, text, folder, data.mode), kind, data.mode)

    def _filled(self, scope: Scope, text: str, values: Values, place: Place) -> tuple[str, Any]:
        """Text with inputs of the pipeline written into it, and the folder it is relative to."""
        filled: dict[str, str] = {}
        folder = None
        for reference in references(text, place):
            found = self.reference(scope, reference, values, place)
            match found and found.source:
                case Given(value):
                    filled[reference.name] = str(value)
                case GivenData(path=path, folder=where):
                    filled[reference.name], folder = path.rstrip("/"), where
                case None:
                    raise place.error(f"input `{reference.name}` of the pipeline has no value")
                case FromInput():
                    raise place.error(
                        f"an input that a loop changes cannot be part of a longer text: {text}",
                        hint="bind it alone and join the path in the script",
                    )
                case _:
                    raise place.error(
                        f"the output of a step cannot be part of a longer text: {text}",
                        hint="bind it alone and join the path in the script",
                    )
        return (replaced(text, filled) if filled else text), folder

    def _target(self, node: NodeSource, name: str, targets: Mapping[str, Target]) -> Target:
        written = node.bound.get(name)
        place = node.place_of("outputs", name)
        said: dict[str, Any] = {}
        if isinstance(written, dict):
            said = {key: value for key, value in written.items() if key != "path"}
            if written.get("path") and not bound_output(written, place):
                said["path"] = written["path"]
        target = bound_output(written, place)
        return {**(targets.get(target) or {}), **said} if target else said

    def _output(self, node: NodeSource, name: str, targets: Mapping[str, Target]) -> StepOutput:
        declared = node.outputs[name]
        said = self._target(node, name, targets)
        register, version = said.get("name") or declared.name, said.get("version")
        path = said.get("path") or declared.path
        return StepOutput(
            name=name,
            type=str(said.get("type") or declared.type),
            mode=said.get("mode") or declared.mode,
            path=with_datastore(path, self._datastore) if path else None,
            register=register,
            version=None if version is None else str(version),
            is_control=bool(declared.is_control),
        )

    def _step(
        self,
        scope: Scope,
        node: NodeSource,
        inputs: dict[str, StepInput],
        outputs: dict[str, StepOutput],
    ) -> Step:
        unknown = [name for name in node.bound if name not in node.outputs]
        if unknown:
            place = node.place_of("outputs", unknown[0])
            hint = nearest(unknown[0], [*node.outputs]) if node.outputs else "it has none"
            raise place.error(f"step `{node.name}` has no output `{unknown[0]}`", hint=hint)
        make: Any = command_work
        if isinstance(node.node, SweepNode):
            make = sweep_work
        elif isinstance(node.node, ParallelNode):
            make = parallel_work
        assert not isinstance(node.node, IfElseNode | DoWhileNode)  # noqa: S101  # never steps
        own = node.node.is_deterministic
        component = node.component is None or node.component.is_deterministic
        return Step(
            name=scope.scoped(node.name),
            work=make(node, inputs, outputs, self._library, self._environment),
            place=node.place,
            inputs=inputs,
            outputs=outputs,
            display_name=node.node.display_name or node.name,
            is_deterministic=component if own is None else own,
            tags={key: str(value) for key, value in node.node.tags.items()},
        )


def _given(data: DataValue, place: Place) -> Connected:
    """A value that is written out: of the type that is said, else of its own."""
    kind = data.type or type_of(data.value)
    if kind in DATA_TYPES:
        source = GivenData(kind, str(data.value), place.path.parent, data.mode)
        return Connected(source, kind, data.mode)
    return Connected(Given(data.value), kind)


def _accepted(
    node: NodeSource,
    name: str,
    connected: Connected,
    wanted: ComponentInput | None,
    place: Place,
) -> StepInput:
    """The value as the node takes it; raises SpecError where the types do not fit."""
    source, kind = connected.source, connected.type
    mode = connected.mode
    if wanted is not None:
        mode = mode or wanted.mode
        if isinstance(source, Given) and not wanted.is_data:
            source = Given(literal(source.value, wanted, name, place))
        elif isinstance(source, Given):
            source = GivenData(wanted.type, str(source.value), place.path.parent)
        elif not flows_into(kind, wanted.type):
            raise place.error(
                f"input `{name}` of `{node.name}` takes `{wanted.type}`, and this is `{kind}`",
                hint=_type_hint(source, kind),
            )
        kind = wanted.type
    elif isinstance(source, Given):
        source = Given(literal(source.value, ComponentInput(type=kind), name, place))
    return StepInput(name=name, type=kind, source=source, place=place, mode=mode)


def _type_hint(source: Source, kind: str) -> str:
    if isinstance(source, FromStep):
        return f"change the type of output `{source.output}` of `{source.step}`, or of the input"
    if isinstance(source, FromInput) or kind in DATA_TYPES:
        return "change the type of one of them"
    return ""
