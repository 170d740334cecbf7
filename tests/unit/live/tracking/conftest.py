from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import NewRun, Run
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace

MLFLOW = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error_code"]


@dataclass(frozen=True)
class Client:
    """One caller of a tracking server, over HTTP."""

    port: int
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.token}", **self.headers}
        is_file = body is None or isinstance(body, bytes) or hasattr(body, "read")
        data = body if is_file else json.dumps(body)
        try:
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", MLFLOW + path)

    def post(self, path: str, body: Any) -> Answer:
        return self.ask("POST", MLFLOW + path, body)

    def put(self, place: str, content: Any) -> Answer:
        return self.ask("PUT", f"{FILES}/{place}", content)

    def read(self, place: str) -> Answer:
        return self.ask("GET", f"{FILES}/{place}")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".aml-emu") as opened:
        yield opened


@pytest.fixture
def tracking(workspace: Workspace) -> Iterator[Tracking]:
    with Tracking(workspace, binds=[]) as started:
        yield started


@pytest.fixture
def new_run(workspace: Workspace) -> Callable[..., Run]:
    def make(**given: Any) -> Run:
        asked = {"experiment": "exp", "owner": this_process(), "status": "Running", **given}
        return workspace.runs.create(NewRun(**asked))

    return make


@pytest.fixture
def run(new_run: Callable[..., Run]) -> Run:
    return new_run()


@pytest.fixture
def client(tracking: Tracking, run: Run) -> Client:
    return Client(tracking.port, tracking.token_for(run.name))
