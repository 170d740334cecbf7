"""Flags whose value may be left out, which Typer does not know: written out before it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OPTIONAL_NUMBERS: Final[Mapping[str, str]] = {
    "--wait": "300",  # seconds; what Azure ML's old debugging guide promised to wait
}


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """`--wait` alone becomes `--wait 300`; what follows `--` is the user's and stays."""
    result: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[index:]]
        result.append(argument)
        if argument in OPTIONAL_NUMBERS and not _is_number(arguments[index + 1 : index + 2]):
            result.append(OPTIONAL_NUMBERS[argument])
    return result


def _is_number(following: Sequence[str]) -> bool:
    try:
        float("".join(following))
    except ValueError:
        return False
    return True
