"""Flags that Typer does not know as they may be written: put right before it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OPTIONAL_NUMBERS: Final[Mapping[str, str]] = {
    "--wait": "300",  # seconds; what Azure ML's old debugging guide promised to wait
}
VERBOSE: Final = "--verbose"  # of every command: Typer would have it before the command's name only
_BARE: Final = (VERBOSE, "--help")  # what `python` takes without a value
WHOLE_JOB: Final = "*"  # `aml-emu run --debug` without the name of a step


def without_verbose(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--verbose`, and whether it was among ours; the user's own stay."""
    end = _end_of_ours(arguments)
    ours = [argument for argument in arguments[:end] if argument != VERBOSE]
    return [*ours, *arguments[end:]], len(ours) < end


def _end_of_ours(arguments: Sequence[str]) -> int:
    """Where the user's begin: after `--`, and after the script that `python` is given."""
    command = next((index for index, each in enumerate(arguments) if each != VERBOSE), 0)
    if list(arguments[command : command + 1]) == ["python"]:
        index = command + 1
        while index < len(arguments) and arguments[index].startswith("-"):
            takes_value = "=" not in arguments[index] and arguments[index] not in _BARE
            index += 2 if takes_value else 1
        return min(index, len(arguments))
    return list(arguments).index("--") if "--" in arguments else len(arguments)


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """`--wait` alone becomes `--wait 300`; what follows `--` is the user's and stays.

    So is what follows `python`.
    """
    if list(arguments[:1]) == ["python"]:
        return list(arguments)
    if list(arguments[:1]) == ["run"]:
        arguments = _debug_spelled_out(arguments)
    result: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[index:]]
        result.append(argument)
        if argument in OPTIONAL_NUMBERS and not _is_number(arguments[index + 1 : index + 2]):
            result.append(OPTIONAL_NUMBERS[argument])
    return result


def _debug_spelled_out(arguments: Sequence[str]) -> list[str]:
    """`run FILE --debug` is about all of it, `run FILE --debug STEP` about one step.

    In front of FILE, `--debug` has no value: `run --debug FILE`.
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    result: list[str] = []
    for index, argument in enumerate(arguments):
        result.append(argument)
        if argument != "--debug" or index >= end:
            continue
        following = arguments[index + 1 : min(index + 2, end)]
        named = following and not following[0].startswith("-") and len(result) > len(("run", "x"))
        if not named:
            result.append(WHOLE_JOB)
    return result


def _is_number(following: Sequence[str]) -> bool:
    try:
        float("".join(following))
    except ValueError:
        return False
    return True
