from pathlib import Path
from typing import Any

import pytest

from toolkit.cli.arguments import WHOLE_JOB
from toolkit.cli.run_flags import Kind, refuse_meaningless
from toolkit.cli.run_order import RunOrder
from toolkit.errors import SpecError


def order(**fields: Any) -> RunOrder:
    return RunOrder(file=Path("train.py"), **fields)


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"from_step": "prep"}, "script", "`--from` is for a pipeline: train.py is a script"),
        ({"only": ("prep",)}, "job", "`--only` is for a pipeline: train.py is a job's file"),
        ({"force": True}, "script", "`--force` is for a pipeline: train.py is a script"),
        ({"max_parallel": 2}, "job", "`--max-parallel` is for a pipeline"),
        ({"graph": Path("x.svg")}, "step", "`--graph` is for a pipeline"),
        ({"values": ("inputs.x=1",)}, "script", "`--set` is for a job's file or a pipeline"),
        ({"code": Path()}, "job", "`--code` is for a script: train.py is a job's file"),
        ({"arguments": ("--rate",)}, "step", "`-- ARGUMENTS` is for a script or a job's file"),
        ({"debug": "prep"}, "script", "`--debug prep` names a step: train.py is a script"),
        ({"no_cache": True}, "pipeline", "`--no-cache` is for a script or a job's file or a step"),
    ],
)
def test_what_would_be_ignored_is_refused(fields: dict[str, Any], kind: Kind, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        refuse_meaningless(order(**fields), kind)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_a_script_is_told_where_its_arguments_belong() -> None:
    with pytest.raises(SpecError) as caught:
        refuse_meaningless(order(values=("inputs.x=1",)), "script")
    assert caught.value.hint == "give the script's own arguments after `--`"


@pytest.mark.parametrize("kind", ["script", "job", "pipeline", "step"])
def test_nothing_asked_is_nothing_refused(kind: Kind) -> None:
    refuse_meaningless(order(), kind)


def test_what_means_something_passes() -> None:
    refuse_meaningless(order(values=("inputs.x=1",), arguments=("a",)), "job")
    refuse_meaningless(order(code=Path(), arguments=("a",), no_cache=True), "script")
    refuse_meaningless(order(debug=WHOLE_JOB), "script")
    refuse_meaningless(order(debug="prep"), "pipeline")
    refuse_meaningless(order(from_step="a", force=True, graph=Path("x.svg")), "pipeline")
