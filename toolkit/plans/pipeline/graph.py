"""The values a pipeline is made of: steps, where their inputs come from, what they write. Inert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from toolkit.errors import SpecError
from toolkit.specs.job import CommandJob
from toolkit.specs.parallel import Parallel
from toolkit.specs.sweep import SweepKeys
from toolkit.specs.yamlfile import at_line

Literals = str | int | float | bool
StepKind = Literal["command", "sweep", "parallel", "loop"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written, for errors."""

    path: Path
    line: int | None

    def error(self, problem: str, *, hint: str = "") -> SpecError:
        return at_line(self.path, self.line, problem, hint=hint)


@dataclass(frozen=True, slots=True)
class FromStep:
    """What another step writes: an edge of the graph."""

    step: str
    output: str


@dataclass(frozen=True, slots=True)
class FromInput:
    """What the body of a loop is given anew for each iteration."""

    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """A literal."""

    value: Literals


@dataclass(frozen=True, slots=True)
class GivenData:
    """Data by its path, which is relative to `folder` unless it says where it is by itself."""

    type: str
    path: str
    folder: Path
    mode: str | None = None


Source = FromStep | FromInput | Given | GivenData


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """One input of a step. `type` is what the step takes."""

    name: str
    type: str
    source: Source
    place: Place
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """One output of a step; without a `path` it lands in the run's own folder."""

    name: str
    type: str
    mode: str | None = None
    path: str | None = None
    register: str | None = None
    version: str | None = None
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The step runs only if the value turns out to be the wanted one."""

    source: Source
    wanted: bool
    place: Place


@dataclass(frozen=True, kw_only=True)
class SweepWork:
    """Many trials of one command."""

    trial: CommandJob
    keys: SweepKeys


@dataclass(frozen=True, kw_only=True)
class ParallelWork:
    """One entry script over mini-batches."""

    parallel: Parallel
    body: CommandJob


@dataclass(frozen=True, kw_only=True)
class LoopWork:
    """A body that is walked again and again. `mapping`: body output -> the inputs it becomes."""

    body: Graph
    condition: str
    mapping: Mapping[str, tuple[str, ...]]
    limit: int


Work = CommandJob | SweepWork | ParallelWork | LoopWork


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node, its name scoped by the pipelines it lies in: `train.split`.

    `after` are steps that must have ended before though nothing flows from them.
    """

    name: str
    work: Work
    place: Place
    inputs: Mapping[str, StepInput] = field(default_factory=dict)
    outputs: Mapping[str, StepOutput] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    display_name: str = ""
    is_deterministic: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> StepKind:
        match self.work:
            case CommandJob():
                return "command"
            case SweepWork():
                return "sweep"
            case ParallelWork():
                return "parallel"
            case LoopWork():
                return "loop"

    @property
    def command(self) -> CommandJob | None:
        """What runs in a container; a loop only walks."""
        match self.work:
            case CommandJob():
                return self.work
            case SweepWork():
                return self.work.trial
            case ParallelWork():
                return self.work.body
            case LoopWork():
                return None

    def needs(self) -> Iterator[str]:
        """Names of the steps that must have ended before; some maybe twice."""
        for given in self.inputs.values():
            if isinstance(given.source, FromStep):
                yield given.source.step
        for gate in self.gates:
            if isinstance(gate.source, FromStep):
                yield gate.source.step
        yield from self.after


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Steps by name, each after all that it needs. `outputs` are those of the whole."""

    steps: Mapping[str, Step]
    outputs: Mapping[str, FromStep] = field(default_factory=dict)

    def edges(self) -> Iterator[tuple[str, str]]:
        """Pairs (before, after), each once."""
        for name, step in self.steps.items():
            for before in dict.fromkeys(step.needs()):
                yield before, name


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A graph with what the job says of the whole."""

    graph: Graph
    path: Path
    name: str | None = None
    display_name: str = ""
    description: str = ""
    experiment: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    force_rerun: bool = False
    continue_on_failure: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
