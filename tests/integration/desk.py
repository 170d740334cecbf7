"""A project with an endpoint of a name that nobody else has, for tests of deployments."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.dap import DapSession
from tests.integration.served import ENV_YML, Reply, Served
from tests.project import Outcome, Project, Tree, write_tree
from toolkit.engines.ports import free_port
from toolkit.live.endpoint import Endpoints, EndpointState

SCORE = """
import json, os

def init():
    global weights
    with open(os.environ["AZUREML_MODEL_DIR"] + "/model/weights.txt") as file:
        weights = int(file.read())

def run(raw_data):
    body = json.loads(raw_data)
    return {"answer": body["number"] * weights, "who": os.environ["COLOUR"]}
"""

# also says which version of six is installed, and a variable that an environment may set
VERSIONS = SCORE.replace('"who"', '"six": listed(), "paint": os.environ.get("PAINT"), "who"') + (
    "\ndef listed():\n    from importlib import metadata\n"
    "    return [d.version for d in metadata.distributions() if d.metadata['Name'] == 'six']\n"
)


def deployment(name: str, endpoint: str, more: str = "") -> str:
    return f"""
name: {name}
endpoint_name: {endpoint}
model: {{name: weights, version: "7", path: model}}
code_configuration: {{code: code, scoring_script: score.py}}
environment: {{image: mcr.microsoft.com/azureml/x, conda_file: env.yml}}
environment_variables: {{COLOUR: {name}}}
instance_type: Standard_DS3_v2
{more}
"""


class Desk:
    """A project with an endpoint of a name that nobody else has."""

    def __init__(self, folder: Path, name: str) -> None:
        self.project = Project(folder)
        self.name = name
        self.port = free_port()
        files: Tree = {
            "aml-emu.toml": '[images]\n"mcr.microsoft.com/azureml/*" = "aml-emu/base"\n',
            "env.yml": ENV_YML,
            "code": {"score.py": SCORE},
            "model": {"weights.txt": "2\n"},
            "endpoint.yml": f"name: {name}\nauth_mode: key\n",
            "blue.yml": deployment("blue", name),
            "green.yml": deployment("green", name, "instance_count: 2\n"),
        }
        write_tree(folder, files)

    @property
    def state(self) -> EndpointState:
        return Endpoints(self.project.path / ".aml-emu").get(self.name)

    def deploy(self, file: str, *flags: str) -> Outcome:
        return self.project.run("deploy", file, "--detach", "--port", str(self.port), *flags)

    def invoke(self, body: object, *flags: str) -> Outcome:
        return self.project.run("invoke", self.name, "--data", json.dumps(body), *flags)

    def answer(self, body: object, *flags: str) -> dict[str, object]:
        return dict(json.loads(self.invoke(body, *flags).assert_success().out))

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """Without the command, for what it does not send; header names with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        key = {"Authorization": f"Bearer {self.state.primary}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body=body, headers={**key, **named})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.project.path / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def replicas(self, deployment: str) -> list[str]:
        return [replica.name for replica in self.state.deployments[deployment].replicas]

    def kill(self, replica: str) -> None:
        """As a machine loses a container."""
        container = f"aml-emu-{replica}"
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)

    @property
    def log(self) -> str:
        """What the router says."""
        return Endpoints(self.project.path / ".aml-emu").log_file(self.name).read_text()

    def down(self) -> None:
        self.project.run("down").assert_success()


class InFront(Served):
    """`aml-emu deploy FILE` in the foreground, until the end of the `with` block."""

    def __init__(self, desk: Desk, file: str, *flags: str) -> None:
        super().__init__(desk.project.path, name=f"{desk.name}.{Path(file).stem}")
        self._desk = desk
        self.port = desk.port
        ports = ["--port", str(desk.port), "--debug-port", str(self.debug_port)]
        self._command = [sys.executable, "-m", "toolkit.cli", "deploy", file, *ports, *flags]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """To this deployment, with the endpoint's key."""
        own = {
            "Authorization": f"Bearer {self._desk.state.primary}",
            "azureml-model-deployment": self.name.rpartition(".")[2],
        }
        return super().request(method, path, body, {**own, **(headers or {})})

    def debug(self, code: Path | None = None) -> DapSession:
        folder = code or self.project / "code"
        mappings = [(str(folder), f"/var/azureml-app/{folder.name}")]
        return DapSession("127.0.0.1", self.debug_port, path_mappings=mappings)
