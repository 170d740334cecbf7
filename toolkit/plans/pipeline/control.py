"""Conditions and loops: `if_else` puts gates before steps, `do_while` makes a step of its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from toolkit.plans.pipeline.bindings import whole
from toolkit.plans.pipeline.graph import (
    FromInput,
    FromStep,
    Gate,
    Given,
    LoopWork,
    Place,
    Source,
    Step,
    StepInput,
    StepOutput,
)
from toolkit.plans.pipeline.order import make_graph
from toolkit.plans.pipeline.scope import NodeSource, Scope, bound_output
from toolkit.specs.inputs import LITERAL_TYPES
from toolkit.specs.pipeline import DoWhileNode, IfElseNode
from toolkit.specs.yamlfile import nearest

if TYPE_CHECKING:
    from toolkit.plans.pipeline.connect import Connected, Connector, Values

_CONTROL: Final = "declare the output with `type: boolean` and `is_control: true`"
MakeLoop = Callable[["Connector", "Values"], Step]


def bodies(scope: Scope) -> dict[str, MakeLoop]:
    """By name of the body: what makes the one step that a loop and its body become."""
    found: dict[str, MakeLoop] = {}
    for node in scope.nodes.values():
        if isinstance(node.node, DoWhileNode):
            body = _job(scope, node.node.body, node, "body")
            if body in found:
                raise node.place_of("body").error(f"two loops have the same body: `{body}`")
            found[body] = partial(_loop, scope, node, node.node, body)
    return found


def gated(
    connector: Connector, scope: Scope, values: Values, steps: dict[str, Step]
) -> dict[str, Step]:
    """The steps with the gates that conditions of this scope put before them."""
    for node in scope.nodes.values():
        if not isinstance(node.node, IfElseNode):
            continue
        source = _condition(connector, scope, values, node, node.node.condition)
        if node.node.true_block is None and node.node.false_block is None:
            raise node.file.error((), "`if_else` needs `true_block` or `false_block`")
        for key, wanted in (("true_block", True), ("false_block", False)):
            blocks = getattr(node.node, key)
            for text in [blocks] if isinstance(blocks, str) else blocks or []:
                name = scope.scoped(_job(scope, text, node, key))
                gate = Gate(source, wanted, node.place_of(key))
                for each in [s for s in steps if s == name or s.startswith(f"{name}.")]:
                    steps[each] = replace(steps[each], gates=(*steps[each].gates, gate))
    return steps


def _loop(
    scope: Scope,
    loop: NodeSource,
    spec: DoWhileNode,
    body: str,
    connector: Connector,
    values: Values,
) -> Step:
    node = scope.nodes[body]
    outer = connector.inputs(scope, node, values)
    declared = [*(node.inputs or {}), *(name for name in outer if name not in (node.inputs or {}))]
    opened = _opened(node, outer, declared)
    inner = Scope(name="", file=scope.file, declared=None, outputs=(), nodes={node.name: opened})
    steps = connector.node_steps(inner, opened, _as_values(outer, declared, node), {})
    graph = make_graph(
        steps, {name: inner.output_of(body, name, node.place)[0] for name in node.outputs}
    )
    condition = whole(spec.condition, loop.place_of("condition"))
    named = condition.output if condition and condition.kind == "job" else None
    port = named or spec.condition
    if port not in node.outputs:
        raise loop.place_of("condition").error(
            f"`condition` names no output of `{body}`: {spec.condition}",
            hint=nearest(port, [*node.outputs]) if node.outputs else "it has none",
        )
    if node.outputs[port].type not in LITERAL_TYPES:
        raise loop.place_of("condition").error(
            f"`condition` takes a boolean output, and this is `{node.outputs[port].type}`",
            hint=_CONTROL,
        )
    return Step(
        name=scope.scoped(body),
        work=LoopWork(
            body=graph,
            condition=port,
            mapping=_mapping(loop, spec, node, declared),
            limit=spec.limits.max_iteration_count,
        ),
        place=loop.place,
        inputs=outer,
        outputs={
            name: StepOutput(name=name, type=output.type, is_control=bool(output.is_control))
            for name, output in node.outputs.items()
        },
        display_name=loop.name,
        is_deterministic=False,
    )


def _opened(node: NodeSource, outer: Mapping[str, StepInput], declared: list[str]) -> NodeSource:
    """The body with all its inputs bound to those of the loop, which change."""
    assert not isinstance(node.node, IfElseNode | DoWhileNode)  # noqa: S101  # `_job` saw to it
    bound = {name: f"${{{{parent.inputs.{name}}}}}" for name in declared if name in outer}
    outputs = {
        name: None if bound_output(value, node.place) else value
        for name, value in node.node.outputs.items()
    }
    return NodeSource(
        node.name,
        node.node.model_copy(update={"inputs": bound, "outputs": outputs}),
        node.file,
        node.part,
        node.child,
    )


def _as_values(
    outer: Mapping[str, StepInput], declared: list[str], node: NodeSource
) -> dict[str, Connected | None]:
    from toolkit.plans.pipeline.connect import Connected  # noqa: PLC0415  # it calls this module

    found: dict[str, Any] = {}
    for name in declared:
        kind = outer[name].type if name in outer else (node.inputs or {})[name].type
        found[name] = Connected(FromInput(name), kind) if name in outer else None
    return found


def _mapping(
    loop: NodeSource, spec: DoWhileNode, node: NodeSource, declared: list[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for output, written in spec.mapping.items():
        place = loop.place_of("mapping", output)
        if output not in node.outputs:
            raise place.error(
                f"`{node.name}` has no output `{output}`", hint=nearest(output, [*node.outputs])
            )
        names = []
        for each in written if isinstance(written, list) else [written]:
            reference = whole(str(each), place)
            name = str(each) if reference is None else reference.output or reference.name
            name = name.rpartition(".")[2]
            if name not in declared:
                raise place.error(
                    f"`{node.name}` has no input `{name}`", hint=nearest(name, declared)
                )
            names.append(name)
        found[output] = tuple(names)
    return found


def _condition(
    connector: Connector, scope: Scope, values: Values, node: NodeSource, written: Any
) -> Source:
    place = node.place_of("condition")
    if isinstance(written, bool):
        return Given(written)
    reference = whole(written, place)
    if reference is None:
        raise place.error(f"`condition` must be a binding: {written}")
    found = connector.reference(scope, reference, values, place)
    if found is None:
        raise place.error(f"input `{reference.name}` of the pipeline has no value")
    if isinstance(found.source, FromStep) and found.type not in LITERAL_TYPES:
        raise place.error(
            f"`condition` takes a boolean output, and this is `{found.type}`",
            hint=_CONTROL,
        )
    return found.source


def _job(scope: Scope, text: str, node: NodeSource, key: str) -> str:
    """The step that `${{parent.jobs.NAME}}` names."""
    place: Place = node.place_of(key)
    reference = whole(text, place)
    if reference is None or reference.kind != "job" or reference.output:
        raise place.error(f"`{key}` must name a step: {text}", hint="write `${{parent.jobs.NAME}}`")
    found = scope.node(reference.name, place)
    if isinstance(found.node, IfElseNode | DoWhileNode):
        raise place.error(f"`{key}` cannot be another `{found.node.type}`")
    return found.name
