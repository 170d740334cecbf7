"""pytest fixtures for a user's own tests: deploy, call, run a job or a pipeline, on either engine.

Loaded into every pytest of an environment that has aml-emu: it imports nothing of the house, and
costs nothing to a suite that asks for no fixture of it. All goes through the command line.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

_OPTION = "--aml-emu-engine"
_OK = 200
# not `-m`, which would take a `toolkit/` or `secrets.py` of the user's project for ours
_COMMAND = (
    "import sys; sys.path[:] = filter(None, sys.path); from toolkit.cli.app import main; main()"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("aml-emu", "Azure ML on this machine")
    group.addoption(
        _OPTION,
        choices=("auto", "docker", "process"),
        default=None,
        help="engine of the aml_emu fixture (default: the project's)",
    )


class CommandFailed(AssertionError):
    """A command of aml-emu ended with an error; the message is what it said."""

    def __init__(self, exit_code: int, said: str) -> None:
        super().__init__(f"aml-emu ended with exit code {exit_code}:\n{said}")
        self.exit_code = exit_code
        self.said = said


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class EmulatedDeployment:
    """One deployment of an endpoint, called through its router as in the cloud."""

    emulator: Emulator
    endpoint: str
    deployment: str
    scoring_uri: str

    @property
    def key(self) -> str:
        """The endpoint's primary key, or a token."""
        found = self.emulator.command_json("credentials", self.endpoint)
        return str(found.get("primaryKey") or found["accessToken"])

    def send(
        self, body: bytes, *, headers: Mapping[str, str] | None = None, key: str | None = None
    ) -> Answer:
        """POST to this deployment; any status is an answer."""
        url = urlsplit(self.scoring_uri)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=300)
        sent = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.key if key is None else key}",
            "azureml-model-deployment": self.deployment,
            **(headers or {}),
        }
        try:
            connection.request("POST", url.path, body=body, headers=sent)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read())
        finally:
            connection.close()

    def invoke(self, data: Any) -> Any:
        """What the deployment answers to `data` as JSON; a status other than 200 fails the test."""
        answer = self.send(json.dumps(data).encode())
        if answer.status != _OK:
            pytest.fail(f"status {answer.status}: {answer.text}\n{self.logs()}", pytrace=False)
        return answer.json()

    def logs(self) -> str:
        return self.emulator.command("logs", f"{self.endpoint}.{self.deployment}")


@dataclass
class Emulator:
    """aml-emu in one project; what was deployed here goes when the tests end."""

    project: Path
    engine: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    _deployed: list[str] = field(default_factory=list)

    def deploy(
        self, file: str | Path, *flags: str, endpoint: str | Path | None = None
    ) -> EmulatedDeployment:
        """`aml-emu deploy FILE`; the deployment is ready when this returns.

        It ends with this process, however that ends.
        """
        where = ["--endpoint", str(endpoint)] if endpoint else []
        told = self.command_json(
            "deploy", str(file), *where, "--detach", "--until-pid", str(os.getpid()), "--json",
            *self._engine_flag(), *flags,
        )  # fmt: skip
        if (name := f"{told['endpoint']}.{told['deployment']}") not in self._deployed:
            self._deployed.append(name)
        return EmulatedDeployment(self, told["endpoint"], told["deployment"], told["scoring_uri"])

    def run(self, file: str | Path, *flags: str) -> dict[str, Any]:
        """`aml-emu run FILE` to its end: a script, a job, a sweep; what `--json` prints."""
        return self.command_json("run", str(file), "--json", *self._engine_flag(), *flags)

    def pipeline(self, file: str | Path, *flags: str) -> dict[str, Any]:
        """A pipeline job, to its end."""
        return self.run(file, *flags)

    def traffic(self, endpoint: str, **shares: int) -> None:
        """`emulator.traffic("iris", blue=90, green=10)`."""
        self.command("traffic", endpoint, *(f"{name}={share}" for name, share in shares.items()))

    def command(self, *arguments: str) -> str:
        """Any other command; what it prints. Raises CommandFailed."""
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, *arguments],
            cwd=self.project,
            env={**os.environ, "NO_COLOR": "1", **self.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(done.returncode, f"{done.stdout}{done.stderr}")
        return done.stdout

    def command_json(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.command(*arguments)))

    def close(self) -> None:
        """Take away what was deployed; the first that cannot be is told after all were tried."""
        failed: list[CommandFailed] = []
        while self._deployed:
            try:
                self.command("stop", self._deployed.pop())
            except CommandFailed as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _engine_flag(self) -> list[str]:
        return ["--engine", self.engine] if self.engine else []


@pytest.fixture(scope="session")
def aml_emu_project(pytestconfig: pytest.Config) -> Path:
    """The folder in which commands run; override it where the tests stand elsewhere."""
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def aml_emu(pytestconfig: pytest.Config, aml_emu_project: Path) -> Iterator[Emulator]:
    """`aml_emu.deploy("blue.yml").invoke({...})`, `aml_emu.run("job.yml")`."""
    emulator = Emulator(aml_emu_project, engine=pytestconfig.getoption(_OPTION))
    yield emulator
    emulator.close()
