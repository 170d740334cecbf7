"""A script's session whose engine is in memory, and the drop-in that talks to it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine, Script, http_status
from toolkit.dropin.azureml.core.workspace import Workspace as TheScripts
from toolkit.live.authoring.routes import ROUTES
from toolkit.live.authoring.service import Authoring, handlers
from toolkit.live.authoring.variables import script_variables
from toolkit.live.tracking.server import Tracking
from toolkit.plans import azureml
from toolkit.settings import DEFAULT_BASE, Settings
from toolkit.workspace.workspace import Workspace

BASE = "python:3.11"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the script."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def engine() -> FakeEngine:
    serving = Script(log=b"one\ntwo\n", answers={azureml.SCORING_PORT: http_status(200)})
    return FakeEngine(known=[BASE, DEFAULT_BASE], script=serving)


@pytest.fixture
def authoring(
    home: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authoring]:
    with Workspace.open(home / ".aml-emu") as workspace:
        tracking = Tracking(workspace, binds=[])
        session = Authoring(
            workspace=workspace,
            engine=engine,
            settings=Settings(project=home),
            tracking=tracking,
        )
        tracking.answer(handlers(session, ROUTES))
        with tracking:
            server = f"http://127.0.0.1:{tracking.port}"
            given = script_variables(
                workspace, server=server, token=tracking.token_for(None), environ={}
            )
            for name, value in given.items():
                monkeypatch.setenv(name, value)
            yield session


@pytest.fixture
def here(authoring: Authoring) -> Any:
    """The workspace as the script has it."""
    return TheScripts.from_config()
