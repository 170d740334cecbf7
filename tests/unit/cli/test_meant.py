"""Which commands are read for a command line."""

from __future__ import annotations

import pytest
from typer.main import get_group

from toolkit.cli import app as root
from toolkit.cli.app import _meant

_EVERY = sorted(get_group(root.app).commands)


@pytest.mark.parametrize("word", _EVERY)
def test_a_command_is_read_alone_and_is_the_same_one(word: str) -> None:
    alone = get_group(_meant([word, "--help"])).commands
    assert list(alone) == [word]
    whole = get_group(root.app).commands[word]
    assert [each.name for each in alone[word].params] == [each.name for each in whole.params]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["rnu"], [""], ["--", "run"]])
def test_without_a_command_all_are_read(arguments: list[str]) -> None:
    assert sorted(get_group(_meant(arguments)).commands) == _EVERY


def test_the_app_itself_keeps_all_its_commands() -> None:
    _meant(["run"])
    assert sorted(get_group(root.app).commands) == _EVERY
