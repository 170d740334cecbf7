"""What one node does, put together from the node and its component: the node's word comes first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from toolkit.plans.pipeline.graph import ParallelWork, StepInput, StepOutput, SweepWork
from toolkit.plans.pipeline.scope import Library, NodeSource
from toolkit.specs.component import ParallelComponent
from toolkit.specs.distribution import Distribution, read_distribution
from toolkit.specs.environment import Environment
from toolkit.specs.inputs import LITERAL_TYPES, Input, Output
from toolkit.specs.job import CommandJob, ResourcesFile, check_command, code_folder
from toolkit.specs.parallel import parallel_of
from toolkit.specs.pipeline import CommandNode, Limits, ParallelNode, SweepNode
from toolkit.specs.yamlfile import YamlFile, parse

SEARCH_SPACE: Final[tuple[str, ...]] = ("search_space",)
_OUTPUT: Final = re.compile(r"\s*\$\{\{\s*outputs\.([\w-]+)\s*\}\}\s*")


def command_work(
    node: NodeSource,
    inputs: Mapping[str, StepInput],
    outputs: Mapping[str, StepOutput],
    library: Library,
    environment: Environment | str | None,
) -> CommandJob:
    """The job of a command node, or of the trial of a sweep."""
    spec = node.node
    assert isinstance(spec, CommandNode | SweepNode)  # noqa: S101  # the caller's choice
    said = _said(node)
    file, command = said.where("command")
    if not command:
        raise node.file.error(
            (), f"step `{node.name}` has neither `component` nor `command`", hint="say what it runs"
        )
    declared = {name: _declared(node, name, given) for name, given in _all(node, inputs).items()}
    written = {name: _output(output) for name, output in outputs.items()}
    more = {SEARCH_SPACE: list(spec.search_space)} if isinstance(spec, SweepNode) else None
    library.check_once(
        (file.path, file.first_line),
        lambda: check_command(
            file, ("command",), str(command), inputs=declared, outputs=written, more=more
        ),
    )
    code = _code(said)
    resources = said.model("resources", ResourcesFile)
    limits = said.model("limits", Limits) if isinstance(spec, CommandNode) else Limits()
    return CommandJob(
        command=str(command),
        code=code,
        includes=_includes(node, code, library),
        environment=_environment(said, library, environment, node),
        inputs=declared,
        outputs=written,
        environment_variables=said.merged("environment_variables"),
        distribution=_distribution(said),
        instance_count=resources.instance_count,
        shm_size=resources.shm_size,
        memory=resources.memory,
        timeout=limits.timeout,
        display_name=spec.display_name,
        tags={key: str(value) for key, value in spec.tags.items()},
        properties={key: str(value) for key, value in spec.properties.items()},
        file=node.file,
    )


def _includes(node: NodeSource, code: Path | None, library: Library) -> Mapping[str, Path]:
    """What the component wants beside its code; a component written in a node has no own file."""
    if node.part is None:
        return {}
    key = "trial" if isinstance(node.node, SweepNode) else "component"
    is_whole = isinstance(node.file.data.get(key), str)
    return library.includes(node.part.file, code, is_whole=is_whole)


def sweep_work(
    node: NodeSource,
    inputs: Mapping[str, StepInput],
    outputs: Mapping[str, StepOutput],
    library: Library,
    environment: Environment | str | None,
) -> SweepWork:
    spec = node.node
    assert isinstance(spec, SweepNode)  # noqa: S101  # the caller's choice
    known = node.inputs or {}
    for name in spec.search_space:
        if node.inputs is not None and name not in known:
            raise node.file.error(
                ("search_space", name),
                f"the trial has no input `{name}`",
                hint="there is: " + ", ".join(f"`{each}`" for each in known),
            )
    return SweepWork(trial=command_work(node, inputs, outputs, library, environment), keys=spec)


def parallel_work(
    node: NodeSource,
    inputs: Mapping[str, StepInput],
    outputs: Mapping[str, StepOutput],
    library: Library,
    environment: Environment | str | None,
) -> ParallelWork:
    """The entry script's job has no command: the driver that calls it is the emulator's own."""
    spec = node.node
    assert isinstance(spec, ParallelNode)  # noqa: S101  # the caller's choice
    component = node.component if isinstance(node.component, ParallelComponent) else None
    parallel = parallel_of(spec, component, node.file)
    if parallel.input not in inputs:
        raise node.file.error(
            ("input_data",), f"step `{node.name}` has no input `{parallel.input}`"
        )
    append = parallel.task.append_row_to
    target = _OUTPUT.fullmatch(append or "")
    if append and (target is None or target[1] not in outputs):
        raise node.file.error(
            ("task", "append_row_to"),
            f"`append_row_to` names no output: {append}",
            hint="write for example `append_row_to: ${{outputs.scores}}`",
        )
    said = _said(node)
    task = said.section("task")
    file = task or node.file
    code = code_folder(file, ("code",), parallel.task.code)
    if code and not (code / parallel.task.entry_script).is_file():
        raise file.error(
            ("entry_script",), f"entry script not found: {code / parallel.task.entry_script}"
        )
    declared = {name: _declared(node, name, given) for name, given in _all(node, inputs).items()}
    written = {name: _output(output) for name, output in outputs.items()}
    arguments = parallel.task.program_arguments or ""
    check_command(file, ("program_arguments",), arguments, inputs=declared, outputs=written)
    resources = said.model("resources", ResourcesFile)
    chosen = library.environment(file, "environment") if parallel.task.environment else environment
    return ParallelWork(
        parallel=parallel,
        body=CommandJob(
            command="",
            code=code,
            includes=_includes(node, code, library),
            environment=_known(chosen, node),
            inputs=declared,
            outputs=written,
            environment_variables=said.merged("environment_variables"),
            instance_count=resources.instance_count,
            shm_size=resources.shm_size,
            memory=resources.memory,
            timeout=spec.limits.timeout if spec.limits else None,
            display_name=spec.display_name,
            file=node.file,
        ),
    )


class _Said:
    """The node's keys before the component's."""

    def __init__(self, files: tuple[YamlFile, ...]) -> None:
        self._files = files

    def where(self, key: str) -> tuple[YamlFile, Any]:
        """The first that says something, and what it says."""
        for file in self._files:
            if file.data.get(key) is not None:
                return file, file.data[key]
        return self._files[0], None

    def section(self, key: str) -> YamlFile | None:
        file, found = self.where(key)
        return None if found is None else file.section(key)

    def merged(self, key: str) -> dict[str, str]:
        """A mapping of both, the node's values over the component's."""
        merged: dict[str, str] = {}
        for file in reversed(self._files):
            for name, value in (file.data.get(key) or {}).items():
                merged[str(name)] = str(value)
        return merged

    def model(self, key: str, model: type[Any]) -> Any:
        found = self.section(key)
        empty: BaseModel = model()
        return empty if found is None else parse(model, found, what=f"`{key}`")


def _said(node: NodeSource) -> _Said:
    return _Said((node.file, node.part.file) if node.part else (node.file,))


def _code(said: _Said) -> Any:
    file, written = said.where("code")
    return code_folder(file, ("code",), written)


def _distribution(said: _Said) -> Distribution | None:
    file, _ = said.where("distribution")
    return read_distribution(file, "distribution")


def _environment(
    said: _Said, library: Library, default: Environment | str | None, node: NodeSource
) -> Environment | str:
    file, written = said.where("environment")
    return library.environment(file, "environment") if written else _known(default, node)


def _known(found: Environment | str | None, node: NodeSource) -> Environment | str:
    if found is None:
        raise node.file.error(
            (),
            f"step `{node.name}` has no `environment`",
            hint="name one in the step or its component, or pass `--env`",
        )
    return found


def _all(node: NodeSource, inputs: Mapping[str, StepInput]) -> Mapping[str, StepInput | None]:
    """Those with a value, and those that are declared and have none."""
    return {**dict.fromkeys(node.inputs or {}), **inputs}


def _declared(node: NodeSource, name: str, given: StepInput | None) -> Input:
    declared = (node.inputs or {}).get(name)
    if declared is not None and given is None:
        return declared.model_copy(update={"optional": True, "default": None})
    kind = given.type if given else "string"
    mode = given.mode if given else None
    return Input.model_validate({"type": kind, "mode": mode or (declared and declared.mode)})


def _output(output: StepOutput) -> Output:
    """A control output is a small file with the value in it."""
    return Output.model_validate(
        {
            "type": "uri_file" if output.type in LITERAL_TYPES else output.type,
            "mode": output.mode,
            "name": output.register,
            "version": output.version,
            "is_control": output.is_control,
        }
    )
