"""Flags whose value may be left out."""

from __future__ import annotations

import pytest

from toolkit.cli.arguments import spelled_out, without_verbose


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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["run", "job.yml", "--debug"], ["run", "job.yml", "--debug", "*"]),
        (["run", "--debug", "job.yml"], ["run", "--debug", "*", "job.yml"]),
        (["run", "p.yml", "--debug", "train"], ["run", "p.yml", "--debug", "train"]),
        (["run", "a.py", "--debug", "--json"], ["run", "a.py", "--debug", "*", "--json"]),
        (["run", "a.py", "--", "--debug"], ["run", "a.py", "--", "--debug"]),
        (["run", "a.py", "--debug", "--", "x"], ["run", "a.py", "--debug", "*", "--", "x"]),
        (["run", "p.yml", "--debug=train"], ["run", "p.yml", "--debug=train"]),
        (["serve", "score.py", "--debug"], ["serve", "score.py", "--debug"]),
    ],
)
def test_debug_of_a_run_may_name_a_step(given: list[str], expected: list[str]) -> None:
    assert spelled_out(given) == expected


@pytest.mark.parametrize(
    ("given", "rest", "verbose"),
    [
        (["ps", "--verbose"], ["ps"], True),
        (["--verbose", "ps"], ["ps"], True),
        (["ps"], ["ps"], False),
        (["run", "a.py", "--", "--verbose"], ["run", "a.py", "--", "--verbose"], False),
        (["run", "--verbose", "a.py", "--", "--verbose"], ["run", "a.py", "--", "--verbose"], True),
        (["python", "a.py", "--verbose"], ["python", "a.py", "--verbose"], False),
        (["python", "--verbose", "a.py"], ["python", "a.py"], True),
        (["--verbose", "python", "a.py", "--verbose"], ["python", "a.py", "--verbose"], True),
        (
            ["python", "--compute", "gpu", "--python=py", "--verbose", "a.py", "--verbose"],
            ["python", "--compute", "gpu", "--python=py", "a.py", "--verbose"],
            True,
        ),
        (["python", "--compute"], ["python", "--compute"], False),
        ([], [], False),
    ],
)
def test_verbose_is_ours_only_where_the_users_words_have_not_begun(
    given: list[str], rest: list[str], *, verbose: bool
) -> None:
    assert without_verbose(given) == (rest, verbose)
