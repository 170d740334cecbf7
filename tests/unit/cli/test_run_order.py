from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.cli.run_debugging import debug_of, listens
from toolkit.cli.run_detached import keeper_arguments
from toolkit.cli.run_order import RunOrder, given_values, job_of
from toolkit.errors import SpecError
from toolkit.specs.job import CommandJob

SCRIPT = CommandJob(script="train.py", environment="e")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["run", "a.py", "--detach"], ["run", "a.py", "--name", "n"]),
        (["run", "a.py", "--detach", "--name=m", "--json"], ["run", "a.py", "--name=m"]),
        (
            ["run", "a.py", "--detach", "--", "--detach"],
            ["run", "a.py", "--name", "n", "--", "--detach"],
        ),
    ],
)
def test_the_keeper_does_the_same_in_the_foreground(given: list[str], expected: list[str]) -> None:
    assert keeper_arguments(given, "n") == expected


def test_values_for_inputs_are_read() -> None:
    assert given_values(("inputs.a=1", "inputs.b=x=y")) == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize("text", ["a=1", "inputs.a", "outputs.a=1"])
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="not an input"):
        given_values((text,))


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (SCRIPT, False),
        (CommandJob(script="t.py", arguments=("--remote_debug",), environment="e"), True),
        (CommandJob(command="python -m debugpy --listen 5678 t.py", environment="e"), True),
        (CommandJob(command="python t.py --remote_debug_port 1", environment="e"), False),
    ],
)
def test_jobs_that_listen_themselves_are_known(job: CommandJob, *, expected: bool) -> None:
    assert listens(job) == expected
    debug = debug_of(RunOrder(file=Path("t.py")), job)
    assert (debug.mode if debug else None) == ("script" if expected else None)


def test_two_ways_to_debug_exclude_each_other() -> None:
    order = RunOrder(file=Path("t.py"), debug="*", debug_on_error=True)
    with pytest.raises(SpecError, match="exclude each other"):
        debug_of(order, SCRIPT)


def test_a_script_needs_an_environment() -> None:
    with pytest.raises(SpecError, match="in which environment"):
        job_of(RunOrder(file=Path("t.py")), None)


@pytest.mark.parametrize(
    ("asked", "flag"), [({"wait": 0.0}, "--wait"), ({"debug_port": 5678}, "--debug-port")]
)
def test_flags_of_debugging_need_it(asked: dict[str, Any], flag: str) -> None:
    with pytest.raises(SpecError, match=f"`{flag}` is for debugging"):
        debug_of(RunOrder(file=Path("t.py"), **asked), SCRIPT)
    for how in ({"debug": "*"}, {"debug_on_error": True}):
        assert debug_of(RunOrder(file=Path("t.py"), **asked, **how), SCRIPT)
    listening = CommandJob(script="t.py", arguments=("--remote_debug",), environment="e")
    assert debug_of(RunOrder(file=Path("t.py"), **asked), listening)


def test_how_long_a_debugger_is_waited_for() -> None:
    assert RunOrder(file=Path("t.py")).patience == 300
    assert RunOrder(file=Path("t.py"), wait=0.0).patience == 0
