"""What decides a step's result, as a hash: its definition, its code, its inputs' content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Final

from pydantic import BaseModel

from toolkit.live.pipeline.digest import Digests
from toolkit.plans.foundation import foundation_of
from toolkit.plans.pipeline.graph import LoopWork, ParallelWork, Step, SweepWork
from toolkit.specs.component import RetrySettings
from toolkit.specs.environment import Dockerfile, Environment
from toolkit.specs.job import CommandJob

_FORMAT: Final = 1  # raised when the same definition begins to mean something else
# where something was written, what it is called and how long it may take decide nothing
_LEFT_OUT: Final = frozenset(
    {
        *("file", "location", "notes", "path", "line", "first_line", "timeout"),
        *("name", "display_name", "description", "experiment", "tags", "properties", "compute"),
    }
)


Resolve = Callable[[Environment | str], Environment]


def fingerprint(step: Step, inputs: Mapping[str, str], digests: Digests, resolve: Resolve) -> str:
    """`inputs` are the values of literals and the digests of data, by name.

    `resolve` gives the environment that a name means now: a label may have moved.
    """
    job = step.command
    code = digests.code(job.code, job.includes) if job and (job.code or job.includes) else ""
    described = {
        "format": _FORMAT,
        "kind": step.kind,
        "work": _definition(step, digests, resolve),
        "code": code,
        "inputs": dict(inputs),
        "outputs": {
            name: [output.type, output.mode, output.path, output.register, output.version]
            for name, output in step.outputs.items()
        },
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _definition(step: Step, digests: Digests, resolve: Resolve) -> Any:
    match step.work:
        case CommandJob():
            return _job(step.work, digests, resolve)
        case SweepWork():
            return [_job(step.work.trial, digests, resolve), _plain(step.work.keys)]
        case ParallelWork():
            return [_job(step.work.body, digests, resolve), _plain(step.work.parallel)]
        case LoopWork():
            raise TypeError(step.name)  # its body's steps are looked at one by one


def _job(job: CommandJob, digests: Digests, resolve: Resolve) -> Any:
    described = {
        each.name: _plain(getattr(job, each.name))
        for each in dataclasses.fields(job)
        if each.name not in _LEFT_OUT | {"environment", "code", "includes"}
    }
    return {**described, "environment": _environment(resolve(job.environment), digests)}


def _environment(environment: Environment, digests: Digests) -> str:
    found = foundation_of(environment)
    context = digests.code(found.context) if isinstance(found, Dockerfile) and found.context else ""
    return f"{_environment_text(_Same(environment))} {context}"


class _Same:
    """An environment by identity: all steps of one component share one object."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def __hash__(self) -> int:
        return id(self.environment)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.environment is other.environment


@lru_cache(maxsize=256)
def _environment_text(same: _Same) -> str:
    text = json.dumps(_plain(same.environment), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """As JSON has it; where something stands and what it is called is left away."""
    if value is None or isinstance(value, str | int | float):
        return value
    found: Any
    match value:
        case RetrySettings():  # what took too long is left out of a step that completes
            found = value.model_dump(mode="json")
        case BaseModel():
            found = value.model_dump(mode="json", exclude_defaults=True)
            return {key: each for key, each in found.items() if key not in _LEFT_OUT}
        case Mapping():
            found = {str(key): _plain(each) for key, each in value.items()}
        case PurePath():
            found = str(value)
        case list() | tuple():
            found = [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            found = {
                each.name: _plain(getattr(value, each.name))
                for each in dataclasses.fields(value)
                if each.name not in _LEFT_OUT
            }
        case _:
            raise TypeError(f"no part of a step's definition: {type(value)}")
    return found


def literal_text(value: object) -> str:
    """A literal as an input of the fingerprint; `1` and `"1"` are not the same."""
    return f"{type(value).__name__} {value}"


def name_in_pipeline(path: Path, step: str) -> str:
    """What a step is called over all runs of its pipeline's file."""
    return f"{path}#{step}"
