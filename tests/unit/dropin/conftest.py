from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import NewRun, Run
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the job."""
    folder = tmp_path / "job"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".aml-emu") as opened:
        yield opened


@pytest.fixture
def own(workspace: Workspace) -> Run:
    """The run that the job is."""
    asked = NewRun(experiment="exp", owner=this_process(), status="Running")
    return workspace.runs.create(asked)


@pytest.fixture
def in_job(
    workspace: Workspace, own: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tracking]:
    """The environment of a job, and the tracking that it finds there."""
    with Tracking(workspace, binds=[]) as tracking:
        for name, value in tracking.variables(own, host="127.0.0.1").items():
            monkeypatch.setenv(name, value)
        yield tracking
