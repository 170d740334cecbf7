"""Telling what becomes of the keys of a deployment's files."""

from __future__ import annotations

from toolkit.cli import console
from toolkit.errors import SpecError
from toolkit.specs.deployment import Deployment
from toolkit.specs.deployment.fates import Circumstances, KeyFate, fates
from toolkit.specs.endpoint import Endpoint


def judged(deployment: Deployment, endpoint: Endpoint, *, engine_name: str) -> list[KeyFate]:
    """Of the keys of both files."""
    where = Circumstances(
        kind=deployment.kind,
        engine=engine_name,
        own_container=deployment.routes is not None,
    )
    files = [deployment.file, *([endpoint.file] if endpoint.file else [])]
    return [fate for file in files for fate in fates(file, where)]


def report(
    deployment: Deployment, endpoint: Endpoint, *, engine_name: str, strict: bool
) -> tuple[str, ...]:
    """Say which keys are not honoured; the approximated ones are returned.

    Raises SpecError for the first of them if nothing else is accepted.
    """
    all_of_them = judged(deployment, endpoint, engine_name=engine_name)
    inexact = [fate for fate in all_of_them if fate.fate != "honoured"]
    if strict and inexact:
        first = inexact[0]
        raise SpecError(
            f"{first.place}: `{first.key}` is {first.fate}: {first.why}",
            details="\n".join(_line(fate) for fate in inexact[1:]),
            hint="leave out `--strict` to deploy nevertheless",
        )
    honoured = len(all_of_them) - len(inexact)
    console.say(f"keys honoured: {honoured} of {len(all_of_them)}")
    for fate in inexact:
        console.warn(_line(fate))
    return tuple(fate.key for fate in inexact if fate.fate == "approximated")


def _line(fate: KeyFate) -> str:
    return f"{fate.place}: `{fate.key}` is {fate.fate}: {fate.why}"
