from __future__ import annotations

from typing import get_args

import pytest

from toolkit.workspace.model import TERMINAL, RunStatus
from toolkit.workspace.status import may_follow


@pytest.mark.parametrize(
    ("after", "status"),
    [
        ("NotStarted", "Running"),
        ("NotStarted", "Preparing"),
        ("Preparing", "Queued"),
        ("Queued", "Running"),
        ("Running", "Running"),
        ("Running", "Finalizing"),
        ("Finalizing", "Completed"),
        ("Running", "CancelRequested"),
        ("Finalizing", "CancelRequested"),
        ("CancelRequested", "Canceled"),
        ("CancelRequested", "Completed"),
        ("NotStarted", "Failed"),
        ("Preparing", "Canceled"),
        ("Running", "NotResponding"),
        ("NotResponding", "Running"),
        ("NotResponding", "Failed"),
    ],
)
def test_the_way_forward(after: RunStatus, status: RunStatus) -> None:
    assert may_follow(status, after)


@pytest.mark.parametrize(
    ("after", "status"),
    [
        ("Running", "Preparing"),
        ("Running", "NotStarted"),
        ("Finalizing", "Running"),
        ("CancelRequested", "Running"),
        ("CancelRequested", "Finalizing"),
        ("NotStarted", "NotResponding"),
        ("NotResponding", "Preparing"),
    ],
)
def test_no_way_back(after: RunStatus, status: RunStatus) -> None:
    assert not may_follow(status, after)


@pytest.mark.parametrize("after", sorted(TERMINAL))
@pytest.mark.parametrize("status", get_args(RunStatus))
def test_nothing_follows_the_end(after: RunStatus, status: RunStatus) -> None:
    assert not may_follow(status, after)
