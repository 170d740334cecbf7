"""What can be seen to be missing before anything runs: environments, and data of this machine.

Datastores are not looked into: an earlier step may write there what a later one reads.
"""

from __future__ import annotations

from collections.abc import Collection

from toolkit.errors import NotFound
from toolkit.live.pipeline.fingerprint import Resolve
from toolkit.live.pipeline.inputs import located
from toolkit.plans.pipeline.graph import GivenData, Graph, LoopWork, Step
from toolkit.workspace.data import DataLocator
from toolkit.workspace.references import is_reference


def check_begun_with(
    graph: Graph, resolve: Resolve, locator: DataLocator, *, taken: Collection[str] = ()
) -> None:
    """Raises SpecError, naming file and line. `taken` are steps that are not run."""
    for step in graph.steps.values():
        if step.name in taken:
            continue
        if isinstance(step.work, LoopWork):
            check_begun_with(step.work.body, resolve, locator)
        _check_environment(step, resolve)
        for given in step.inputs.values():
            source = given.source
            if isinstance(source, GivenData) and _is_here(source.path):
                located(step, given, source, locator)


def _check_environment(step: Step, resolve: Resolve) -> None:
    job = step.command
    if job is None:
        return
    try:
        resolve(job.environment)
    except NotFound as error:
        raise job.error(("environment",), error.message, hint=error.hint) from error


def _is_here(path: str) -> bool:
    return "://" not in path and not is_reference(path)
