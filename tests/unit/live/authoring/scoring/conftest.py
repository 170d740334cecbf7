from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine, Script, http_status
from toolkit.dropin.azureml.core.workspace import Workspace as OfScript
from toolkit.live.authoring.routes import ROUTES
from toolkit.live.authoring.service import Authoring, handlers
from toolkit.live.authoring.variables import script_variables
from toolkit.live.tracking.server import Tracking
from toolkit.settings import Settings
from toolkit.workspace.workspace import Workspace

BASE = "python:3.11"


@pytest.fixture
def engine() -> FakeEngine:
    """It has one image, and what is launched from it answers as healthy."""
    healthy = Script(answers={5001: http_status(200)}, log=b"one\ntwo\n")
    return FakeEngine(known=[BASE], script=healthy)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script is."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def authoring(
    tmp_path: Path, home: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authoring]:
    """This process is the script that `aml-emu python` runs."""
    settings = Settings(project=tmp_path, environ={"HOME": str(tmp_path)})
    with Workspace.open(settings.state_folder) as workspace:
        tracking = Tracking(workspace, binds=[])
        made = Authoring(workspace=workspace, engine=engine, settings=settings, tracking=tracking)
        tracking.answer(handlers(made, ROUTES))
        with tracking:
            server = f"http://127.0.0.1:{tracking.port}"
            token = tracking.token_for(None)
            told = script_variables(workspace, server=server, token=token, environ={})
            for name in ("AZUREML_RUN_ID", "MLFLOW_RUN_ID"):
                monkeypatch.delenv(name, raising=False)
            for name, value in told.items():
                if name != "PYTHONPATH":
                    monkeypatch.setenv(name, value)
            yield made


@pytest.fixture
def here(authoring: Authoring) -> Any:
    """The workspace as the script sees it."""
    return OfScript.from_config()
