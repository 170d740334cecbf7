"""Flags whose value may be left out."""

from __future__ import annotations

import pytest

from toolkit.cli.arguments import spelled_out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ([], []),
        (["serve", "--wait"], ["serve", "--wait", "300"]),
        (["serve", "--wait", "--debug"], ["serve", "--wait", "300", "--debug"]),
        (["serve", "--wait", "score.py"], ["serve", "--wait", "300", "score.py"]),
        (["serve", "--wait", "20"], ["serve", "--wait", "20"]),
        (["serve", "--wait", "0.5", "score.py"], ["serve", "--wait", "0.5", "score.py"]),
        (["run", "x.py", "--", "--wait"], ["run", "x.py", "--", "--wait"]),
    ],
)
def test_wait_alone_means_five_minutes(typed: list[str], meant: list[str]) -> None:
    assert spelled_out(typed) == meant
