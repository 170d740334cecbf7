"""One pipeline and those inside it, read and not yet connected: nodes, components, declarations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from toolkit.errors import NotFound
from toolkit.plans.pipeline.bindings import whole
from toolkit.plans.pipeline.graph import FromStep, Place
from toolkit.plans.pipeline.ports import checked
from toolkit.specs.component import (
    AnyComponent,
    ComponentInput,
    ComponentOutput,
    PipelineComponent,
    component_of,
)
from toolkit.specs.environment import Environment
from toolkit.specs.includes import read_includes
from toolkit.specs.job import environment_of
from toolkit.specs.pipeline import (
    CommandNode,
    DoWhileNode,
    IfElseNode,
    Node,
    OutputValue,
    ParallelNode,
    PipelineNode,
    SweepNode,
    node_of,
)
from toolkit.specs.yamlfile import YamlFile, load_yaml, nearest

_NODE_NAME: Final = re.compile(r"\w[\w-]*")
FindComponent = Callable[[str], Path]


@dataclass(frozen=True)
class Part:
    """A component and the file (or the part of one) that it stands in."""

    component: AnyComponent
    file: YamlFile


class Library:
    """Components and environments, each read once however many steps use it."""

    def __init__(self, find_component: FindComponent | None = None) -> None:
        self._find = find_component
        self._parts: dict[Path, Part] = {}
        self._environments: dict[tuple[Path, int | None, str], Environment | str] = {}
        self._checked: set[tuple[Path, int]] = set()
        self._includes: dict[tuple[Path, int, Path | None], Mapping[str, Path]] = {}

    def part(self, file: YamlFile, key: str) -> Part:
        """The component that `file` names under `key`, or writes there."""
        written = file.data[key]
        if isinstance(written, Mapping):
            section = file.section(key)
            return Part(component_of(section), section)
        path = self._path(str(written).strip(), file, key)
        if path not in self._parts:
            loaded = load_yaml(path, what="component file")
            self._parts[path] = Part(component_of(loaded), loaded)
        return self._parts[path]

    def environment(self, file: YamlFile, *location: str) -> Environment | str:
        """The environment written at that place of a file; a registered one stays a name."""
        written = file.section(*location).data
        line = None if isinstance(written, str) else file.line(location)
        key = (file.path.parent if line is None else file.path, line, str(written)[:200])
        if key not in self._environments:
            self._environments[key] = environment_of(file, *location)
        return self._environments[key]

    def includes(self, file: YamlFile, code: Path | None, *, is_whole: bool) -> Mapping[str, Path]:
        """What a component has beside its code; looked for once however many steps use it."""
        key = (file.path, file.first_line, code)
        if key not in self._includes:
            self._includes[key] = read_includes(file, code, is_whole=is_whole)
        return self._includes[key]

    def check_once(self, key: tuple[Path, int], check: Callable[[], None]) -> None:
        """Check what stands in one place, however many steps come from there."""
        if key not in self._checked:
            check()
            self._checked.add(key)

    def _path(self, text: str, file: YamlFile, key: str) -> Path:
        if text.startswith("azureml://"):
            raise file.error(
                (key,),
                f"components of a registry are not on this machine: {text}",
                hint="download the component and name its file, or register it here",
            )
        if text.startswith("azureml:"):
            if self._find is None:
                raise file.error((key,), f"no workspace to find the component in: {text}")
            try:
                return self._find(text)
            except NotFound as error:
                raise file.error((key,), error.message, hint=error.hint) from error
        path = (file.path.parent / text.removeprefix("file:")).resolve()
        if not path.is_file():
            beside = (
                [each.name for each in path.parent.iterdir() if each.is_file()]
                if path.parent.is_dir()
                else []
            )
            hint = nearest(path.name, beside) if beside else f"there is no folder {path.parent}"
            raise file.error((key,), f"component not found: {text}", hint=hint)
        return path


@dataclass(frozen=True)
class NodeSource:
    """One node as written. `part` is its component; `child` its steps, if it is a pipeline."""

    name: str
    node: Node
    file: YamlFile
    part: Part | None = None
    child: Scope | None = None

    @property
    def place(self) -> Place:
        return Place(self.file.path, self.file.first_line)

    def place_of(self, *location: str) -> Place:
        return Place(self.file.path, self.file.line(location) or self.file.first_line)

    @property
    def component(self) -> AnyComponent | None:
        return self.part.component if self.part else None

    @cached_property
    def inputs(self) -> Mapping[str, ComponentInput] | None:
        """What is declared; None where the node itself is all there is."""
        if self.component is None or self._is_bare_trial("inputs"):
            return None
        return self.component.inputs

    @cached_property
    def outputs(self) -> Mapping[str, ComponentOutput]:
        """By name, with the type that the component or the node says."""
        if self.component is not None and not self._is_bare_trial("outputs"):
            return {
                name: found or ComponentOutput() for name, found in self.component.outputs.items()
            }
        written = {} if isinstance(self.node, IfElseNode | DoWhileNode) else self.node.outputs
        return {name: _inline_output(value) for name, value in written.items()}

    def _is_bare_trial(self, key: str) -> bool:
        """A trial written inside a sweep declares nothing: the sweep does."""
        inline = isinstance(self.node, SweepNode) and isinstance(self.node.trial, Mapping)
        return inline and self.part is not None and self.part.file.data.get(key) is None

    @property
    def bound(self) -> Mapping[str, Any]:
        """What the node says of its outputs."""
        return {} if isinstance(self.node, IfElseNode | DoWhileNode) else self.node.outputs


@dataclass
class Scope:
    """One level: its nodes by name, in the order they stand. `file` holds `jobs`."""

    name: str
    file: YamlFile
    declared: Mapping[str, ComponentInput] | None
    outputs: tuple[str, ...]
    nodes: dict[str, NodeSource] = field(default_factory=dict)

    def scoped(self, node: str) -> str:
        return f"{self.name}.{node}" if self.name else node

    def node(self, name: str, place: Place) -> NodeSource:
        """Raises SpecError with the nearest name."""
        if name not in self.nodes:
            raise place.error(f"no step of this name: `{name}`", hint=nearest(name, [*self.nodes]))
        return self.nodes[name]

    def output_of(self, name: str, output: str, place: Place) -> tuple[FromStep, ComponentOutput]:
        """The step that really writes an output of a node; raises SpecError."""
        node = self.node(name, place)
        if output not in node.outputs:
            there = nearest(output, [*node.outputs]) if node.outputs else "it has no outputs"
            raise place.error(f"step `{name}` has no output `{output}`", hint=there)
        if node.child is None:
            return FromStep(self.scoped(name), output), node.outputs[output]
        found = node.child.producer(output)
        if found is None:
            raise place.error(
                f"output `{output}` of `{name}` is written by none of its steps",
                hint=f"bind it in {node.child.file.path}: `NAME: ${{{{parent.outputs.{output}}}}}`",
            )
        return found, node.outputs[output]

    def producer(self, output: str) -> FromStep | None:
        """The step whose output is bound to that output of this pipeline."""
        if output not in self._producers:
            return None
        node, port = self._producers[output]
        return self.output_of(node, port, self.nodes[node].place)[0]

    def check_outputs(self) -> None:
        """Raise SpecError for outputs that are bound to nothing, or twice."""
        _ = self._producers

    def writer(self, output: str) -> tuple[str, str]:
        """The node, and its output, that are bound to that output of this pipeline."""
        return self._producers[output]

    @cached_property
    def _producers(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for name, node in self.nodes.items():
            for port, value in node.bound.items():
                target = bound_output(value, node.place_of("outputs", port))
                if target is None:
                    continue
                place = node.place_of("outputs", port)
                if target not in self.outputs:
                    hint = nearest(target, self.outputs) if self.outputs else "it declares none"
                    raise place.error(f"the pipeline has no output `{target}`", hint=hint)
                if target in found:
                    raise place.error(
                        f"two steps write output `{target}` of the pipeline: "
                        f"`{found[target][0]}` and `{name}`"
                    )
                found[target] = (name, port)
        return found


def bound_output(value: Any, place: Place) -> str | None:
    """The output of the pipeline that a node's output is bound to, if it is."""
    text = value.get("path") if isinstance(value, Mapping) else value
    if not isinstance(text, str):
        return None
    reference = whole(text, place)
    if reference is None:
        return None
    if reference.kind != "output":
        raise place.error(
            f"an output can be bound to an output of the pipeline only: `{text.strip()}`",
            hint="write `${{parent.outputs.NAME}}`",
        )
    return reference.name


def read_scope(
    name: str,
    file: YamlFile,
    library: Library,
    *,
    declared: Mapping[str, ComponentInput] | None,
    outputs: tuple[str, ...],
    inside: tuple[Path, ...] = (),
) -> Scope:
    """Read all nodes of a pipeline and of those inside it. `inside` are the files around this."""
    jobs = file.data.get("jobs")
    if not isinstance(jobs, Mapping) or not jobs:
        raise file.error(("jobs",), "a pipeline needs at least one step in `jobs`")
    scope = Scope(name=name, file=file, declared=declared, outputs=outputs)
    for key in jobs:
        if not _NODE_NAME.fullmatch(str(key)):
            raise file.error(
                ("jobs", key),
                f"not a name for a step: `{key}`",
                hint="letters, digits, `_` and `-`, as bindings can name it",
            )
        section = file.section("jobs", key)
        scope.nodes[str(key)] = _read_node(scope, str(key), section, library, inside)
    return scope


def _read_node(
    scope: Scope, name: str, file: YamlFile, library: Library, inside: tuple[Path, ...]
) -> NodeSource:
    written = file.data if isinstance(file.data, Mapping) else {}
    key = "trial" if written.get("type") == "sweep" else "component"
    part = library.part(file, key) if written.get(key) is not None else None
    node = node_of(file, part.component.type if part else None)
    check_outputs(node, file)
    if isinstance(node, PipelineNode):
        return _nested(scope, name, node, file, part, library, inside)
    _check_kind(node, part, file, key)
    return NodeSource(name, node, file, part)


def _nested(
    scope: Scope,
    name: str,
    node: PipelineNode,
    file: YamlFile,
    part: Part | None,
    library: Library,
    inside: tuple[Path, ...],
) -> NodeSource:
    if part is None:
        raise file.error((), f"step `{name}` of type `pipeline` needs a `component`")
    if not isinstance(part.component, PipelineComponent):
        raise file.error(
            ("component",), f"this component is no pipeline but a `{part.component.type}`"
        )
    path = part.file.path
    if isinstance(node.component, str) and path in inside:
        chain = " -> ".join(each.name for each in (*inside, path))
        raise file.error(("component",), f"a pipeline contains itself: {chain}")
    child = read_scope(
        scope.scoped(name),
        part.file,
        library,
        declared=part.component.inputs,
        outputs=tuple(part.component.outputs),
        inside=(*inside, path),
    )
    return NodeSource(name, node, file, part, child)


def check_outputs(node: Node, file: YamlFile) -> None:
    """Raise SpecError for what a node says of an output and what means nothing."""
    for name, value in ({} if isinstance(node, IfElseNode | DoWhileNode) else node.outputs).items():
        place = Place(file.path, file.line(("outputs", name)) or file.first_line)
        if isinstance(value, Mapping):
            checked(OutputValue, value, place)
        elif value is not None and bound_output(value, place) is None:
            raise place.error(
                f"output `{name}` is neither a binding nor a mapping of keys: {value}",
                hint="write `${{parent.outputs.NAME}}`, or keys such as `type`, `mode` and `path`",
            )


def _check_kind(node: Node, part: Part | None, file: YamlFile, key: str) -> None:
    """A component of one kind cannot be a step of another."""
    if part is None:
        return
    wanted = {CommandNode: "command", ParallelNode: "parallel", SweepNode: "command"}
    kind = wanted.get(type(node))
    if kind != part.component.type:
        raise file.error(
            (key,), f"this component is a `{part.component.type}`, not a `{kind or node.type}`"
        )


def _inline_output(value: Any) -> ComponentOutput:
    kind = value.get("type") if isinstance(value, Mapping) else None
    control = value.get("is_control") if isinstance(value, Mapping) else None
    return ComponentOutput(type=str(kind or "uri_folder"), is_control=control)
