"""The example endpoint, deployed for a measurement in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from toolkit.live.endpoint import Endpoints, EndpointState

EXAMPLE = Path(__file__).parents[2] / "examples" / "endpoint"
CONCURRENT = 16  # so that the limits of the deployment are not what is measured


class Emulated:
    """`blue` of the example behind its router; gone at the end."""

    def __init__(self, *, engine: str) -> None:
        self.engine = engine
        self._folder = tempfile.TemporaryDirectory(prefix="aml-emu-router-")
        self.project = Path(self._folder.name) / "endpoint"

    def __enter__(self) -> Self:
        left_out = shutil.ignore_patterns(".aml-emu", ".vscode", "__pycache__")
        shutil.copytree(EXAMPLE, self.project, ignore=left_out)
        blue = self.project / "blue.yml"
        text = blue.read_text("utf-8").replace("iris-endpoint", "aml-emu-test-router")
        text = text.replace("per_instance: 2", f"per_instance: {CONCURRENT}")
        blue.write_text(text.replace("timeout_ms: 3000", "timeout_ms: 60000"), "utf-8")
        self.deploy()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.command("down")
        self._folder.cleanup()

    def deploy(self, *flags: str) -> float:
        """Seconds until it was ready."""
        began = time.perf_counter()
        self.command("deploy", "blue.yml", "--detach", *flags)
        return time.perf_counter() - began

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "toolkit.cli", *arguments, "--engine", self.engine],
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    @property
    def state(self) -> EndpointState:
        return Endpoints(self.project / ".aml-emu").get("aml-emu-test-router")

    @property
    def bare_port(self) -> int:
        """Of the one replica, without the router: as `aml-emu serve` publishes it."""
        return self.state.deployments["blue"].replicas[0].readiness.port

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.state.primary}",
            "Content-Type": "application/json",
        }

    @property
    def body(self) -> bytes:
        return (self.project / "code" / "sample-request.json").read_bytes()
