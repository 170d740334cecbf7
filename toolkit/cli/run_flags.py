"""What `aml-emu run` is asked for that means nothing for this kind of file: refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from toolkit.cli.arguments import WHOLE_JOB
from toolkit.errors import SpecError

if TYPE_CHECKING:
    from toolkit.cli.run_order import RunOrder

Kind = Literal["script", "job", "pipeline", "step"]

_KINDS: Final[Mapping[Kind, str]] = {
    "script": "a script",
    "job": "a job's file",
    "pipeline": "a pipeline",
    "step": "a step that is opened again",
}
_ONE_RUN: Final[tuple[Kind, ...]] = ("script", "job", "step")
_MEANT_FOR: Final[Mapping[str, tuple[str, tuple[Kind, ...]]]] = {
    "arguments": ("-- ARGUMENTS", ("script", "job")),
    "code": ("--code", ("script",)),
    "values": ("--set", ("job", "pipeline")),
    "from_step": ("--from", ("pipeline",)),
    "only": ("--only", ("pipeline",)),
    "force": ("--force", ("pipeline",)),
    "max_parallel": ("--max-parallel", ("pipeline",)),
    "graph": ("--graph", ("pipeline",)),
    "no_cache": ("--no-cache", _ONE_RUN),
    "platform": ("--platform", _ONE_RUN),
}
_HINTS: Final[Mapping[tuple[str, Kind], str]] = {
    ("values", "script"): "give the script's own arguments after `--`",
    ("arguments", "pipeline"): "set an input of the pipeline with `--set inputs.NAME=VALUE`",
    ("code", "job"): "edit `code:` in the file",
    ("code", "pipeline"): "edit `code:` of its steps",
    ("no_cache", "pipeline"): "build the environment first: `aml-emu build --no-cache`",
}


def refuse_meaningless(order: RunOrder, kind: Kind) -> None:
    """Raises SpecError for the first flag that would be ignored."""
    if kind != "pipeline" and order.debug not in {None, WHOLE_JOB}:
        raise SpecError(
            f"`--debug {order.debug}` names a step: {order.file} is {_KINDS[kind]}",
            hint="write `--debug` alone",
        )
    for field, (flag, kinds) in _MEANT_FOR.items():
        if getattr(order, field) and kind not in kinds:
            wanted = " or ".join(_KINDS[each] for each in kinds)
            raise SpecError(
                f"`{flag}` is for {wanted}: {order.file} is {_KINDS[kind]}",
                hint=_HINTS.get((field, kind), f"leave `{flag}` out"),
            )
